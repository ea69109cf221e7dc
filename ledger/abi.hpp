#pragma once
#include <array>
#include <concepts>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "ledger/rlp.hpp"

namespace koinon::ledger::abi {

/// Kind of a Solidity type (Contract ABI Specification).
enum class Kind : std::uint8_t { number, signed_number, boolean, address, fixed_bytes, bytes, string, array, tuple };

/// A Solidity type. Every type takes at least one word, so that bytes bound the number of values.
struct Type {
  Kind kind = Kind::number;
  std::size_t size = 0;       ///< bits of a number, bytes of bytesN, items of an array
  bool dynamic_size = false;  ///< array without fixed length, T[]
  std::vector<Type> parts;    ///< the element of an array, the members of a tuple
  std::string name;           ///< of a member or argument
  std::string internal;       ///< "struct Market.Order" as the compiler names it, or empty

  /// Reads "uint256", "(address,bytes32[])[4]" and the like. Errors: malformed (also zero-length arrays, empty tuples, nesting
  /// deeper than 16, fixed lengths above 65,536).
  static Result<Type> parse(std::string_view text);
  /// Reads one entry of "inputs" or "outputs" of an ABI document. Errors: malformed.
  static Result<Type> from_json(const nlohmann::json& entry);
  static Type tuple(std::vector<Type> parts);
  static Type array_of(Type part);

  /// Canonical text, as it stands in a signature.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool is_dynamic() const;
  /// Bytes that it takes in the head of its parent.
  [[nodiscard]] std::size_t head_size() const;
};

/// A value; its type says which member counts.
struct Value {
  Hash word;                 ///< number, boolean, address, bytesN: the ABI word
  Bytes data;                ///< bytes, string
  std::vector<Value> items;  ///< array, tuple
  friend bool operator==(const Value&, const Value&) = default;
};

/// abi.encode of the values of a tuple type (arguments, results, errors): no outer offset.
/// Errors: invalid_argument when a value does not fit its type.
Result<Bytes> encode(const Type& tuple, const Value& value);

/// Strict inverse of encode(): only the layout that Solidity writes is taken (tails in order and without gaps, padding zero,
/// numbers within their bits, booleans 0 or 1, text UTF-8 or not as it comes). So an encoding is unique and hostile offsets
/// cannot multiply the work. Errors: malformed, naming the place.
Result<Value> decode(const Type& tuple, ByteView bytes);

/// A value for people and for the API: numbers up to 53 bits as numbers, larger ones as decimal text, bytes and addresses as
/// hex.
nlohmann::json to_json(const Type& type, const Value& value);

/// First four bytes of keccak256 of "name(type,...)".
std::array<std::uint8_t, 4> selector(std::string_view signature);

/// A function, event or error of a contract.
struct Entry {
  std::string kind;  ///< "function", "event", "error" or "constructor"
  std::string name;
  Type inputs;                ///< a tuple
  Type outputs;               ///< a tuple; functions only
  std::vector<bool> indexed;  ///< of each input; events only
  bool view = false;          ///< view or pure
  [[nodiscard]] std::string signature() const { return name + inputs.text(); }
  /// topic0 of an event; the first four bytes select a function or error.
  [[nodiscard]] Hash id() const;
};

/// Reads an ABI document (an array). Receive and fallback entries and anonymous events are left out. Errors: malformed.
Result<std::vector<Entry>> parse_abi(const nlohmann::json& document);

// Typed values to words and back, used by the generated bindings.
Value value_of(bool value);
Value value_of(std::uint64_t value);
Value value_of(std::int64_t value);
Value value_of(const Wei& value);
Value value_of(const Address& value);
Value value_of(Bytes value);
Value value_of(std::string_view value);
template <std::size_t N>
  requires(N <= 32 && N != 20)
Value value_of(const base::FixedBytes<N>& value) {
  Value out;
  std::memcpy(out.word.bytes.data(), value.bytes.data(), N);
  return out;
}

/// Reads a decoded word. Precondition: `value` was decoded as a type of that width.
std::uint64_t to_u64(const Value& value);
std::int64_t to_i64(const Value& value);
inline bool to_bool(const Value& value) { return value.word.bytes[31] != 0; }
inline Wei to_wei(const Value& value) { return Wei::from_word(value.word); }
Address to_address(const Value& value);
template <std::size_t N>
base::FixedBytes<N> to_fixed(const Value& value) {
  return base::fixed<N>(value.word.view().first(N));
}
inline std::string to_text(const Value& value) { return std::string(base::as_text(value.data)); }

/// Decodes `Error(string)`, `Panic(uint256)` or one of `errors` from revert data, as "NotEnoughStake(needed: 5)"; hex of the
/// first bytes when it is none of them.
std::string describe_revert(ByteView data, const std::vector<Entry>& errors);

}  // namespace koinon::ledger::abi
