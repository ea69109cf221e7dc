#pragma once
#include "base/bytes.hpp"

namespace koinon::trust::optimistic {

/// Writes a tuple as Solidity's ABI does: 32-byte words in the head, what has no fixed size behind it, its place in the head.
class AbiWriter {
 public:
  void number(std::uint64_t value);
  void hash(const base::Hash& value) { head_.push_back({value, {}, false}); }
  void bytes(base::ByteView value);
  void hashes(const std::vector<base::Hash>& values);
  void numbers(const std::vector<std::uint64_t>& values);
  /// A tuple without fixed size.
  void tuple(const AbiWriter& value) { head_.push_back({{}, value.take(), true}); }
  /// An array of them.
  void tuples(const std::vector<AbiWriter>& values);
  /// Words of a tuple of fixed size stand in the head of what holds it.
  void inlined(const AbiWriter& value) { head_.insert(head_.end(), value.head_.begin(), value.head_.end()); }
  [[nodiscard]] base::Bytes take() const;

 private:
  struct Member {
    base::Hash word;
    base::Bytes tail;
    bool dynamic;
  };
  std::vector<Member> head_;
};

/// Reads what AbiWriter wrote and nothing else: tails in order and without gaps, padding zero. So no byte is read twice and an
/// encoding is unique. Errors: malformed.
class AbiReader {
 public:
  /// A tuple at the beginning of `bytes` whose head has this many words.
  static base::Result<AbiReader> open(base::ByteView bytes, std::size_t words);

  base::Result<std::uint64_t> number(std::uint64_t most = UINT64_MAX);
  base::Result<base::Hash> hash();
  base::Result<base::Bytes> bytes();
  base::Result<std::vector<base::Hash>> hashes();
  base::Result<std::vector<std::uint64_t>> numbers();
  /// A tuple without fixed size, read by `read(AbiReader&)`, which returns a Result.
  template <class Read>
  auto tuple(std::size_t words, Read read) -> decltype(read(*this)) {
    KOINON_CHECK(follow());
    return inside(tail_, words, read);
  }
  /// An array of them, appended to `out`.
  template <class T, class Read>
  base::Status tuples(std::size_t words, std::vector<T>& out, Read read) {
    KOINON_TRY(const auto count, array());
    KOINON_TRY(auto items, at(tail_, count));
    for (std::size_t i = 0; i < count; ++i) {
      KOINON_TRY(auto one, items.tuple(words, read));
      out.push_back(std::move(one));
    }
    tail_ = items.tail_;
    return {};
  }
  /// Everything of the outermost tuple was read.
  [[nodiscard]] base::Status finish() const;

 private:
  AbiReader(base::ByteView bytes, std::size_t base, std::size_t tail) : bytes_(bytes), base_(base), head_(base), tail_(tail) {}
  [[nodiscard]] base::Result<AbiReader> at(std::size_t base, std::size_t words) const;
  /// The next member of the head says that its tail comes next.
  base::Status follow();
  /// The length of an array whose tail comes next.
  base::Result<std::size_t> array();
  template <class Read>
  auto inside(std::size_t base, std::size_t words, Read read) -> decltype(read(*this)) {
    KOINON_TRY(auto inner, at(base, words));
    auto out = read(inner);
    tail_ = inner.tail_;
    return out;
  }

  base::ByteView bytes_;
  std::size_t base_, head_, tail_;  ///< where the tuple begins, its next member stands, its next tail begins
};

}  // namespace koinon::trust::optimistic
