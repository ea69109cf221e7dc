#pragma once
#include <nlohmann/json.hpp>

#include "market/book/book.hpp"

namespace koinon::market {

/// Reads the arguments of one event. The first missing or misshapen argument is kept as the error and a zero value returned, so
/// that a caller reads all it needs and asks status() once.
struct Book::Reading {
  explicit Reading(const Event& event) : event_(event) {}

  Status parse();
  [[nodiscard]] bool has(const char* key) const { return json_.contains(key); }
  [[nodiscard]] std::uint64_t u64(const char* key) const;
  [[nodiscard]] std::uint32_t u32(const char* key) const { return static_cast<std::uint32_t>(bounded(key, 0xffffffff)); }
  [[nodiscard]] std::uint8_t u8(const char* key) const { return static_cast<std::uint8_t>(bounded(key, 0xff)); }
  [[nodiscard]] std::int64_t i64(const char* key) const;
  [[nodiscard]] bool boolean(const char* key) const;
  [[nodiscard]] Wei wei(const char* key) const;
  [[nodiscard]] Hash hash(const char* key) const;
  [[nodiscard]] base::Address address(const char* key) const;
  [[nodiscard]] std::string text(const char* key) const;
  [[nodiscard]] std::vector<std::uint64_t> numbers(const char* key) const;
  [[nodiscard]] Terms terms(const char* key) const;
  [[nodiscard]] trust::optimistic::Demand place(const char* key) const;
  [[nodiscard]] Status status() const;

 private:
  [[nodiscard]] const nlohmann::json* find(const char* key) const;
  [[nodiscard]] std::uint64_t bounded(const char* key, std::uint64_t most) const;
  [[nodiscard]] std::optional<std::uint64_t> number_of(const nlohmann::json& value) const;
  void complain(const char* key, std::string_view expected) const;

  const Event& event_;
  nlohmann::json json_;
  mutable std::optional<base::Error> error_;
};

}  // namespace koinon::market
