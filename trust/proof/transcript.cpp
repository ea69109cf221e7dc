#include "trust/proof/transcript.hpp"

#include "base/hash.hpp"
#include "trust/proof/keccak.hpp"

namespace koinon::trust::proof {
namespace {

constexpr std::array<std::uint8_t, 1> kAbsorb{0}, kDraw{1}, kBlock{2}, kWork{3};

std::uint64_t word_at(const base::Hash& hash, std::size_t index) {
  std::uint64_t out = 0;
  std::memcpy(&out, hash.bytes.data() + 8 * index, 8);
  return out;
}

}  // namespace

Transcript::Transcript(std::string_view protocol) { absorb("protocol", base::as_bytes(protocol)); }

Transcript::Transcript(std::string_view protocol, base::Random& coins) : Transcript(protocol) { coins_ = &coins; }

void Transcript::absorb(std::string_view label, base::ByteView bytes) {
  if (events_ != nullptr) events_->push_back({false, std::string(label), bytes.size()});
  const auto label_size = base::be64(label.size()), size = base::be64(bytes.size());
  state_ = base::keccak256({kAbsorb, state_.view(), label_size, base::as_bytes(label), size, bytes});
}

void Transcript::absorb(std::string_view label, std::span<const Ext> values) {
  static_assert(sizeof(Ext) == 24);
  absorb(label, {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()});
}

void Transcript::draw(std::string_view label) {
  const auto label_size = base::be64(label.size());
  state_ = base::keccak256({kDraw, state_.view(), label_size, base::as_bytes(label)});
  block_index_ = ~std::uint64_t{0};
}

std::uint64_t Transcript::word(std::size_t index) {
  if (coins_ != nullptr) return coins_->u64();
  if (block_index_ != index / 4) {
    block_index_ = index / 4;
    const auto number = base::be64(block_index_);
    block_ = base::keccak256({kBlock, state_.view(), number});
  }
  return word_at(block_, index % 4);
}

std::vector<Ext> Transcript::challenges(std::string_view label, std::size_t count) {
  draw(label);
  if (events_ != nullptr) events_->push_back({true, std::string(label), count * sizeof(Ext)});
  std::vector<Ext> out(count);
  std::size_t next = 0;
  for (auto& value : out)
    for (auto& coordinate : value.c) {
      std::uint64_t w = word(next++);
      while (w >= kPrime) w = word(next++);
      coordinate = Fp(w);
    }
  return out;
}

Ext Transcript::challenge(std::string_view label) { return challenges(label, 1)[0]; }

std::vector<std::uint32_t> Transcript::positions(std::string_view label, std::size_t count, unsigned bits) {
  draw(label);
  if (events_ != nullptr) events_->push_back({true, std::string(label), count * 4});
  std::vector<std::uint32_t> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint32_t>(word(i) & ((std::uint64_t{1} << bits) - 1));
  return out;
}

bool Transcript::hits(unsigned bits, std::uint64_t nonce) const {
  std::array<std::uint8_t, 41> message{};
  message[0] = kWork[0];
  std::memcpy(message.data() + 1, state_.bytes.data(), 32);
  const auto number = base::be64(nonce);
  std::memcpy(message.data() + 33, number.data(), 8);
  const auto hash = keccak256_once(message);
  std::uint64_t head = 0;
  for (std::size_t i = 0; i < 8; ++i) head = head << 8 | hash.bytes[i];
  return bits == 0 || (head >> (64 - bits)) == 0;
}

bool Transcript::work(unsigned bits, std::uint64_t nonce) {
  const bool hit = hits(bits, nonce);
  const auto number = base::be64(nonce);
  absorb("work", number);
  return hit;
}

std::uint64_t Transcript::search(unsigned bits) const {
  std::uint64_t nonce = 0;
  while (!hits(bits, nonce)) ++nonce;
  return nonce;
}

}  // namespace koinon::trust::proof
