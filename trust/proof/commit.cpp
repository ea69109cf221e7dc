#include "trust/proof/commit.hpp"

#include "trust/proof/keccak.hpp"
#include "trust/proof/parallel.hpp"

namespace koinon::trust::proof {
namespace {

constexpr std::size_t kHead = 2 + kSaltSize;

}  // namespace

void fill_random(base::Random& random, std::span<Fp> out) {
  static_assert(sizeof(Fp) == 8);
  if (out.empty()) return;
  random.fill({reinterpret_cast<std::uint8_t*>(out.data()), out.size_bytes()});
  for (auto& value : out)
    while (value.v >= kPrime) value.v = random.u64();
}

base::Hash row_hash(OracleKind kind, const Row& row) {
  base::Bytes leaf(kHead + 8 * row.symbols.size());
  leaf[0] = 0x10;
  leaf[1] = static_cast<std::uint8_t>(kind);
  std::memcpy(leaf.data() + 2, row.salt.data(), kSaltSize);
  if (!row.symbols.empty()) std::memcpy(leaf.data() + kHead, row.symbols.data(), 8 * row.symbols.size());
  return keccak256_once(leaf);
}

Oracle::Oracle(OracleKind kind, const Encoder& encoder, std::vector<Fp> messages, base::Random& random, base::ThreadPool* pool)
    : kind_(kind), rows_(encoder.rows()), places_(encoder.places()), messages_(std::move(messages)) {
  KOINON_INVARIANT(messages_.size() % rows_ == 0);
  salts_.resize(places_ * kSaltSize);
  random.fill(salts_);
  codewords_.resize(columns() * places_);
  const std::size_t blocks = places_ / rows_;
  in_chunks(pool, columns() * blocks, 1, [&](std::size_t, std::size_t at, std::size_t) {
    encoder.encode_block(message(at / blocks), at % blocks, std::span(codewords_).subspan(at * rows_, rows_));
  });
  std::vector<base::Hash> leaves(places_);
  const std::size_t size = kHead + 8 * columns();
  in_chunks(pool, places_, 64, [&](std::size_t, std::size_t begin, std::size_t end) {
    base::Bytes buffer((end - begin) * size);
    for (std::size_t i = begin; i < end; ++i) write_leaf(i, buffer.data() + (i - begin) * size);
    keccak256_many(buffer, size, std::span(leaves).subspan(begin, end - begin));
  });
  tree_ = Tree(std::move(leaves), pool);
}

void Oracle::write_leaf(std::size_t place, std::uint8_t* to) const {
  to[0] = 0x10;
  to[1] = static_cast<std::uint8_t>(kind_);
  std::memcpy(to + 2, salts_.data() + place * kSaltSize, kSaltSize);
  for (std::size_t c = 0; c < columns(); ++c) std::memcpy(to + kHead + 8 * c, &codewords_[c * places_ + place], 8);
}

Row Oracle::row(std::size_t place) const {
  Row out;
  std::memcpy(out.salt.data(), salts_.data() + place * kSaltSize, kSaltSize);
  for (std::size_t c = 0; c < columns(); ++c) out.symbols.push_back(codewords_[c * places_ + place]);
  return out;
}

}  // namespace koinon::trust::proof
