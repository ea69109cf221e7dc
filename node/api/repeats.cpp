#include "node/api/repeats.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace koinon::node::api {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using nlohmann::json;

Status check_repeat_key(std::string_view key) {
  const auto fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' ||
           c == ':';
  };
  if (key.empty() || key.size() > 64 || !std::ranges::all_of(key, fine))
    return fail(Code::invalid_argument, "[Idempotency-Key] {} characters: 1 to 64 letters, digits and . - _ : expected",
                key.size());
  return {};
}

Repeats::Turn::Turn(Repeats& repeats, std::string key) : repeats_(repeats), key_(std::move(key)) {
  std::unique_lock lock(repeats_.mutex_);
  repeats_.done_.wait(lock, [&] { return !repeats_.busy_.contains(key_); });
  repeats_.busy_.insert(key_);
}

Repeats::Turn::~Turn() {
  {
    const std::lock_guard lock(repeats_.mutex_);
    repeats_.busy_.erase(key_);
  }
  repeats_.done_.notify_all();
}

Result<Repeats::Meaning> Repeats::meaning(const std::string& key, std::string_view body) {
  KOINON_CHECK(check_repeat_key(key));
  const auto name = "repeat/" + key;
  const auto digest = base::to_hex(base::sha256(base::as_bytes(body)));
  KOINON_TRY(const auto kept, store_.settings.get(name));
  if (!kept) {
    const Meaning fresh{random_.u64() >> 1, false};
    KOINON_CHECK(store_.settings.set(name, json{{"body", digest}, {"nonce", fresh.nonce}}.dump()));
    return fresh;
  }
  const auto read = base::parse_json(*kept);
  if (!read.is_object() || !read.contains("body") || !read.contains("nonce") || !read["nonce"].is_number_unsigned())
    return fail(Code::internal, "[Idempotency-Key] the note of '{}' is damaged", key);
  if (read["body"] != digest)
    return fail(Code::conflict, "[Idempotency-Key] '{}' came with another body before: a new order needs a new key", key);
  return Meaning{read["nonce"].get<std::uint64_t>(), true};
}

}  // namespace koinon::node::api
