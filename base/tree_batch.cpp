#include "base/tree_batch.hpp"

#include <algorithm>

#include "base/keccak_lanes.hpp"

namespace koinon::base {
namespace {

constexpr std::size_t kHash = sizeof(Hash::bytes), kLeafMessage = 2 + kLeafSize, kNodeMessage = 2 + 2 * kHash,
                      kRootMessage = 2 + 8 + kHash;
constexpr std::size_t kMostWaiting = 512, kMostLeaves = 1 << 13;  // leaves to be hashed, and to be folded
constexpr std::size_t kPiece = 16, kParallel = 64;                // messages of a piece, and when threads pay
constexpr std::size_t kSet = 8;                                   // messages that are hashed together

// Calls hash(first, count) for pieces of [0, count) messages, on each thread a few at a time.
template <class Do>
void in_pieces(ThreadPool* pool, std::size_t length, std::size_t count, const Do& hash) {
  if (pool == nullptr || count * length < kParallel * kLeafMessage) return hash(0, count);
  const std::size_t piece = std::max(kPiece, kPiece * kLeafMessage / length / kPiece * kPiece);
  pool->parallel_for((count + piece - 1) / piece, [&](std::size_t i) { hash(i * piece, std::min(piece, count - i * piece)); });
}

// keccak256_each on all threads.
void hash_each(ThreadPool* pool, const std::uint8_t* messages, std::size_t length, std::size_t count, Hash* out) {
  in_pieces(pool, length, count,
            [&](std::size_t first, std::size_t some) { keccak256_each(messages + first * length, length, some, out + first); });
}

// A message's first bytes; returns what follows them.
std::uint8_t* begin(std::uint8_t* message, std::uint8_t role, Domain domain) {
  message[0] = role;
  message[1] = static_cast<std::uint8_t>(domain);
  return message + 2;
}

std::uint8_t* put(std::uint8_t* to, const Hash& hash) { return std::copy(hash.bytes.begin(), hash.bytes.end(), to); }

}  // namespace

std::size_t TreeBatch::add(ByteView bytes) {
  const std::size_t leaves = std::max<std::size_t>(1, (bytes.size() + kLeafSize - 1) / kLeafSize);
  if (open_.size() > 1 && leaves_.size() + leaves > kMostLeaves) fold();
  const std::size_t first = leaves_.size(), sets = bytes.size() / kLeafSize / kSet * kSet;
  const std::size_t whole = pool_ == nullptr || sets >= kParallel ? sets : 0;  // with threads, few leaves wait for others
  open_.push_back({lengths_.size(), first, leaves});
  lengths_.push_back(bytes.size());
  leaves_.resize(first + leaves);
  hash_whole(bytes.first(whole * kLeafSize), first);
  for (std::size_t i = whole; i < leaves; ++i)
    wait(bytes.subspan(i * kLeafSize, std::min(kLeafSize, bytes.size() - i * kLeafSize)), first + i);
  return lengths_.size() - 1;
}

// Leaves that fill sets of lanes are hashed where they lie.
void TreeBatch::hash_whole(ByteView bytes, std::size_t first) {
  const std::uint8_t head[] = {0, static_cast<std::uint8_t>(domain_)};
  in_pieces(pool_, kLeafMessage, bytes.size() / kLeafSize, [&](std::size_t i, std::size_t count) {
    keccak256_pieces(head, bytes.data() + i * kLeafSize, kLeafSize, count, leaves_.data() + first + i);
  });
}

void TreeBatch::wait(ByteView data, std::size_t leaf) {
  const std::size_t at = waiting_.size();
  if (messages_.size() < (at + 1) * kLeafMessage)
    messages_.resize(std::min(kMostWaiting, std::max<std::size_t>(kPiece, 2 * at)) * kLeafMessage);
  auto* to = begin(messages_.data() + at * kLeafMessage, 0, domain_);
  to = std::copy(data.begin(), data.end(), to);
  std::fill(to, messages_.data() + (at + 1) * kLeafMessage, std::uint8_t{0});
  waiting_.push_back(leaf);
  if (waiting_.size() == kMostWaiting) hash_waiting();
}

void TreeBatch::hash_waiting() {
  std::vector<Hash> hashes(waiting_.size());
  hash_each(pool_, messages_.data(), kLeafMessage, waiting_.size(), hashes.data());
  for (std::size_t i = 0; i < hashes.size(); ++i) leaves_[waiting_[i]] = hashes[i];
  waiting_.clear();
}

// All trees climb together, level by level; those that have reached their top leave.
void TreeBatch::fold() {
  hash_waiting();
  tops_.resize(lengths_.size());
  Bytes messages(kLeafMessage, 0);
  begin(messages.data(), 0, domain_);
  Hash absent = keccak256(messages);
  std::vector<Hash> above;
  for (;;) {
    std::size_t nodes = 0;
    std::erase_if(open_, [&](const Open& tree) {
      if (tree.leaves == 1) tops_[tree.number] = leaves_[tree.first];
      return tree.leaves == 1;
    });
    if (open_.empty()) break;
    for (const auto& tree : open_) nodes += (tree.leaves + 1) / 2;
    messages.resize(nodes * kNodeMessage);
    std::size_t at = 0;
    for (auto& tree : open_) {
      const std::size_t first = at, last = tree.first + tree.leaves;
      for (std::size_t left = tree.first; left < last; left += 2, ++at)
        put(put(begin(messages.data() + at * kNodeMessage, 1, domain_), leaves_[left]),
            left + 1 < last ? leaves_[left + 1] : absent);
      tree = {tree.number, first, at - first};
    }
    above.resize(nodes);
    hash_each(pool_, messages.data(), kNodeMessage, nodes, above.data());
    leaves_.swap(above);
    messages.resize(kNodeMessage);
    put(put(begin(messages.data(), 1, domain_), absent), absent);
    absent = keccak256(messages);
  }
  leaves_.clear();
}

std::vector<Hash> TreeBatch::roots() {
  fold();
  Bytes messages(lengths_.size() * kRootMessage);
  for (std::size_t i = 0; i < lengths_.size(); ++i) {
    auto* to = begin(messages.data() + i * kRootMessage, 2, domain_);
    const auto size = be64(lengths_[i]);
    put(std::copy(size.begin(), size.end(), to), tops_[i]);
  }
  std::vector<Hash> out(lengths_.size());
  hash_each(pool_, messages.data(), kRootMessage, out.size(), out.data());
  return out;
}

}  // namespace koinon::base
