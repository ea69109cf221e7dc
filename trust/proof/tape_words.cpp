#include "trust/proof/tape_words.hpp"

#include <algorithm>

namespace koinon::trust::proof {
namespace {

void put(base::Bytes& to, std::uint64_t number, unsigned bits) {
  for (unsigned at = bits; at > 0; at -= 8) to.push_back(static_cast<std::uint8_t>(number >> (at - 8)));
}

std::uint64_t take(base::ByteView bytes, std::size_t& at, unsigned bits) {
  std::uint64_t out = 0;
  for (unsigned i = 0; i < bits; i += 8) out = out << 8 | bytes[at++];
  return out;
}

void pad(base::Bytes& to) { to.resize((to.size() + kTapeWord - 1) / kTapeWord * kTapeWord); }
void skip(std::size_t& at) { at = (at + kTapeWord - 1) / kTapeWord * kTapeWord; }

constexpr std::size_t kMostStride = 0xffff;

}  // namespace

void append(base::Bytes& to, const TapeWord& word) {
  put(to, static_cast<std::uint64_t>(word.op), 8);
  put(to, static_cast<std::uint64_t>(word.slot), 8);
  put(to, static_cast<std::uint64_t>(word.power << 4 | word.k), 8);
  put(to, word.stride, 16);
  for (const auto number : {word.row, word.ref, word.count}) put(to, number, 32);
  put(to, word.coefficient.v, 64);
  put(to, word.outer, 32);
  put(to, word.form, 16);
  put(to, 0, 8);
}

TapeWord tape_word(base::ByteView bytes) {
  TapeWord out;
  std::size_t at = 0;
  out.op = static_cast<TapeOp>(take(bytes, at, 8));
  out.slot = static_cast<TapeSlot>(take(bytes, at, 8));
  const auto both = take(bytes, at, 8);
  out.power = static_cast<std::uint8_t>(both >> 4);
  out.k = static_cast<std::uint8_t>(both & 15);
  out.stride = static_cast<std::uint16_t>(take(bytes, at, 16));
  for (auto* number : {&out.row, &out.ref, &out.count}) *number = static_cast<std::uint32_t>(take(bytes, at, 32));
  out.coefficient = Fp(take(bytes, at, 64));
  out.outer = static_cast<std::uint32_t>(take(bytes, at, 32));
  out.form = static_cast<std::uint16_t>(take(bytes, at, 16));
  return out;
}

void append_rows(base::Bytes& to, std::span<const TapeRow> rows) {
  TapeWord word;
  word.op = TapeOp::rows;
  word.count = static_cast<std::uint32_t>(rows.size());
  append(to, word);
  for (const auto& row : rows) {
    put(to, row.terms.size(), 16);
    put(to, row.constant.v, 64);
    for (const auto& term : row.terms) {
      put(to, term.number, 32);
      put(to, term.coefficient.v, 64);
    }
  }
  pad(to);
}

std::vector<TapeRow> read_rows(base::ByteView bytes, std::size_t& at, const TapeWord& word) {
  std::vector<TapeRow> out(word.count);
  for (auto& row : out) {
    row.terms.resize(take(bytes, at, 16));
    row.constant = Fp(take(bytes, at, 64));
    for (auto& term : row.terms) {
      term.number = static_cast<std::uint32_t>(take(bytes, at, 32));
      term.coefficient = Fp(take(bytes, at, 64));
    }
  }
  skip(at);
  return out;
}

std::uint32_t append_product(base::Bytes& to, const PublicProduct& p, const std::function<std::uint32_t(Var)>& number) {
  const bool small = std::all_of(p.right.begin(), p.right.end(), [](std::int64_t w) { return w >= -128 && w <= 127; });
  base::Bytes runs;
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < p.rows; ++i)
    for (std::size_t l = 0; l < p.inner;) {
      const auto at = [&](std::size_t k) { return std::size_t{number(p.left[i * p.inner + k])}; };
      const std::size_t first = at(l);
      std::size_t stride = 0, length = 1;
      if (l + 1 < p.inner && at(l + 1) >= first && at(l + 1) - first <= kMostStride) {
        stride = at(l + 1) - first;
        while (l + length < p.inner && length < kMostStride && at(l + length) == first + stride * length) ++length;
      }
      put(runs, first, 32);
      put(runs, stride, 16);
      put(runs, length, 16);
      l += length;
      ++count;
    }
  TapeWord word;
  word.op = TapeOp::product;
  word.row = static_cast<std::uint32_t>(p.rows);
  word.ref = static_cast<std::uint32_t>(p.columns);
  word.count = static_cast<std::uint32_t>(p.inner);
  word.stride = small ? 1 : 8;
  word.outer = count;
  append(to, word);
  for (std::size_t j = 0; j < p.columns; ++j) put(to, p.bias.empty() ? 0 : Fp::from(p.bias[j]).v, 64);
  pad(to);
  to.insert(to.end(), runs.begin(), runs.end());
  pad(to);
  for (std::size_t j = 0; j < p.columns; ++j) {
    for (std::size_t l = 0; l < p.inner; ++l) {
      const auto w = p.right[j * p.inner + l];
      if (small)
        put(to, static_cast<std::uint64_t>(w + 128), 8);
      else
        put(to, Fp::from(w).v, 64);
    }
    while (to.size() % kTapeWord != 0) to.push_back(small ? 128 : 0);
  }
  return count;
}

TapeProduct read_product(base::ByteView bytes, std::size_t& at, const TapeWord& word) {
  TapeProduct out;
  for (std::uint32_t j = 0; j < word.ref; ++j) out.biases.emplace_back(take(bytes, at, 64));
  skip(at);
  for (std::uint32_t i = 0; i < word.outer; ++i) {
    const auto first = take(bytes, at, 32), stride = take(bytes, at, 16), length = take(bytes, at, 16);
    for (std::uint64_t l = 0; l < length; ++l) out.left.push_back(static_cast<std::uint32_t>(first + stride * l));
  }
  skip(at);
  for (std::uint32_t j = 0; j < word.ref; ++j) {
    for (std::uint32_t l = 0; l < word.count; ++l)
      out.weights.push_back(word.stride == 1 ? Fp::from(static_cast<std::int64_t>(take(bytes, at, 8)) - 128)
                                             : Fp(take(bytes, at, 64)));
    skip(at);
  }
  return out;
}

}  // namespace koinon::trust::proof
