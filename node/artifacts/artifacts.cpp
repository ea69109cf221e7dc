#include "node/artifacts/artifacts.hpp"

#include <algorithm>
#include <charconv>

#include "base/file.hpp"
#include "base/log.hpp"

namespace koinon::node {

using base::Bytes;
using base::ByteView;
using base::Cid;
using base::Code;
using base::Result;
using base::Status;

Result<std::unique_ptr<Artifacts>> Artifacts::open(const std::filesystem::path& root, std::uint64_t quota_bytes,
                                                   const base::Clock& clock) {
  KOINON_TRY(auto folder, BlobFolder::open(root));
  std::unique_ptr<Artifacts> out(new Artifacts(std::move(folder), root / "pins", quota_bytes, clock));
  KOINON_CHECK(out->load());
  return out;
}

/// The file of pins has a line for each: CID, expiry in Unix milliseconds, reason.
Status Artifacts::load() {
  std::vector<BlobFolder::Found> found;
  KOINON_CHECK(folder_.scan([&](const BlobFolder::Found& blob) { found.push_back(blob); }));
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.used_ns < b.used_ns; });
  for (const auto& blob : found) {
    entries_[blob.cid.digest] = {blob.size, ++serial_};
    bytes_ += blob.size;
  }
  const auto file = base::read_file(pins_path_, 256u << 20);
  if (!file && file.error().code == Code::not_found) return {};
  if (!file) return base::fail(file.error());
  auto rest = base::as_text(*file);
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    const auto first = line.find(' ');
    const auto second = line.find(' ', first == std::string_view::npos ? first : first + 1);
    const auto cid = Cid::parse(line.substr(0, first));
    Pin pin;
    if (!cid || second == std::string_view::npos ||
        std::from_chars(line.data() + first + 1, line.data() + second, pin.expires_ms).ec != std::errc{})
      return base::fail(Code::malformed, "[artifacts] {} line {}: 'CID EXPIRY REASON' expected", pins_path_.string(), number);
    pin.cid = *cid;
    pin.reason = line.substr(second + 1);
    pin.blobs = {*cid};
    if (const auto manifest = manifest_of(*cid); manifest && *manifest)
      pin.blobs.insert(pin.blobs.end(), (*manifest)->chunks.begin(), (*manifest)->chunks.end());
    hold(pin.blobs);
    pins_.push_back(std::move(pin));
  }
  return {};
}

Result<base::ArtifactRef> Artifacts::put(ByteView bytes) {
  Incoming incoming(*this, std::nullopt, kMaxArtifact);
  KOINON_CHECK(incoming.write(bytes));
  return incoming.finish();
}

Result<Bytes> Artifacts::get(const Cid& cid) {
  KOINON_TRY(auto bytes, blob(cid));
  const auto manifest = Manifest::decode(bytes);
  if (!manifest) return bytes;
  Bytes out;
  KOINON_CHECK(read({cid, manifest->size}, [&](ByteView piece) -> Status {
    out.insert(out.end(), piece.begin(), piece.end());
    return {};
  }));
  return out;
}

bool Artifacts::has(const Cid& cid) {
  if (!has_blob(cid)) return false;
  const auto manifest = manifest_of(cid);
  if (!manifest) return false;
  return !*manifest ||
         std::all_of((*manifest)->chunks.begin(), (*manifest)->chunks.end(), [&](const Cid& chunk) { return has_blob(chunk); });
}

bool Artifacts::has(const base::ArtifactRef& ref) { return has(ref.cid); }

Status Artifacts::read(const base::ArtifactRef& ref, const std::function<Status(ByteView)>& receive) {
  KOINON_TRY(const auto bytes, blob(ref.cid));
  if (ref.size <= kChunkSize) {
    if (bytes.size() != ref.size)
      return base::fail(Code::malformed, "[artifacts] {} has {} bytes: the reference says {}", ref.cid.text(), bytes.size(),
                        ref.size);
    return receive(bytes);
  }
  KOINON_TRY(const auto manifest, Manifest::decode(bytes));
  if (manifest.size != ref.size)
    return base::fail(Code::malformed, "[artifacts] {} has {} bytes: the reference says {}", ref.cid.text(), manifest.size,
                      ref.size);
  for (std::size_t i = 0; i < manifest.chunks.size(); ++i) {
    KOINON_TRY(const auto chunk, blob(manifest.chunks[i]));
    if (chunk.size() != manifest.chunk_size(i))
      return base::fail(Code::malformed, "[artifacts] chunk {} of {} has {} bytes: {} expected", i, ref.cid.text(),
                        chunk.size(), manifest.chunk_size(i));
    KOINON_CHECK(receive(chunk));
  }
  return {};
}

Artifacts::Incoming Artifacts::begin(std::optional<base::ArtifactRef> expected, std::uint64_t limit) {
  return {*this, expected, std::min(limit, kMaxArtifact)};
}

Result<Bytes> Artifacts::blob(const Cid& cid) {
  {
    const std::lock_guard lock(lock_);
    const auto entry = entries_.find(cid.digest);
    if (entry == entries_.end()) return base::fail(Code::not_found, "[artifacts] {} is not here", cid.text());
    entry->second.used = ++serial_;
  }
  auto bytes = folder_.read(cid);
  if (!bytes) {
    const std::lock_guard lock(lock_);
    const auto entry = entries_.find(cid.digest);
    // Gone or damaged, and not merely evicted and written anew by another thread in between.
    if (entry != entries_.end() && !std::filesystem::exists(folder_.path(cid))) {
      bytes_ -= entry->second.size;
      entries_.erase(entry);
    }
    return base::fail(std::move(bytes).error());
  }
  folder_.touch(cid);
  return bytes;
}

bool Artifacts::has_blob(const Cid& cid) {
  const std::lock_guard lock(lock_);
  return entries_.contains(cid.digest);
}

Result<std::optional<Manifest>> Artifacts::manifest_of(const Cid& cid) {
  KOINON_TRY(const auto bytes, folder_.read(cid));
  auto manifest = Manifest::decode(bytes);
  return manifest ? std::optional(*std::move(manifest)) : std::nullopt;
}

Status Artifacts::store_blob(const Cid& cid, ByteView bytes) {
  {
    const std::lock_guard lock(lock_);
    if (const auto entry = entries_.find(cid.digest); entry != entries_.end()) {
      entry->second.used = ++serial_;
      return {};
    }
    KOINON_CHECK(reserve(bytes.size()));
  }
  const auto written = folder_.write(cid, bytes);
  const std::lock_guard lock(lock_);
  if (!written) {
    bytes_ -= bytes.size();
    return written;
  }
  if (!entries_.emplace(cid.digest, Entry{bytes.size(), ++serial_}).second) bytes_ -= bytes.size();  // another thread was first
  return {};
}

/// Makes room for `size` bytes and counts them.
Status Artifacts::reserve(std::uint64_t size) {
  drop_expired();
  if (bytes_ + size > quota_) {
    std::vector<std::pair<std::uint64_t, base::Hash>> free;
    for (const auto& [digest, entry] : entries_)
      if (!held_.contains(digest)) free.emplace_back(entry.used, digest);
    std::sort(free.begin(), free.end());
    for (const auto& [used, digest] : free) {
      if (bytes_ + size <= quota_) break;
      KOINON_CHECK(folder_.remove(Cid{digest}));
      bytes_ -= entries_[digest].size;
      entries_.erase(digest);
    }
  }
  if (bytes_ + size > quota_)
    return base::fail(Code::exhausted, "[artifacts] {} bytes do not fit: {} of {} are in use and pinned", size, bytes_, quota_);
  bytes_ += size;
  return {};
}

void Artifacts::hold(const std::vector<Cid>& blobs) {
  for (const auto& cid : blobs) ++held_[cid.digest];
}

void Artifacts::let_go(const std::vector<Cid>& blobs) {
  for (const auto& cid : blobs) {
    const auto count = held_.find(cid.digest);
    if (count != held_.end() && --count->second == 0) held_.erase(count);
  }
}

void Artifacts::release(const std::vector<Cid>& blobs) {
  const std::lock_guard lock(lock_);
  let_go(blobs);
}

void Artifacts::drop_expired() {
  const auto now = clock_.now_ms();
  const auto kept = std::partition(pins_.begin(), pins_.end(), [&](const Pin& pin) { return pin.expires_ms > now; });
  if (kept == pins_.end()) return;
  for (auto pin = kept; pin != pins_.end(); ++pin) let_go(pin->blobs);
  pins_.erase(kept, pins_.end());
  // An expired pin that stays in the file expires again at the next start.
  if (auto saved = save_pins(); !saved) base::log_warn("{}", saved.error().text);
}

Status Artifacts::save_pins() {
  std::string text;
  for (const auto& pin : pins_) text += fmt::format("{} {} {}\n", pin.cid.text(), pin.expires_ms, pin.reason);
  return base::write_file(pins_path_, base::as_bytes(text));
}

Status Artifacts::pin(const Cid& cid, const std::string& reason, std::int64_t expires_ms) {
  if (reason.empty() || reason.size() > 200 || reason.find_first_of("\r\n") != std::string::npos)
    return base::fail(Code::invalid_argument, "[artifacts] a pin's reason is one line of 1 to 200 bytes");
  const std::lock_guard lock(lock_);
  if (!entries_.contains(cid.digest)) return base::fail(Code::not_found, "[artifacts] {} is not here", cid.text());
  Pin pin{cid, reason, expires_ms, {cid}};
  KOINON_TRY(const auto manifest, manifest_of(cid));
  if (manifest) pin.blobs.insert(pin.blobs.end(), manifest->chunks.begin(), manifest->chunks.end());
  for (const auto& blob : pin.blobs)
    if (!entries_.contains(blob.digest))
      return base::fail(Code::not_found, "[artifacts] a chunk of {} is not here", cid.text());
  hold(pin.blobs);
  const auto same = std::find_if(pins_.begin(), pins_.end(), [&](const Pin& p) { return p.cid == cid && p.reason == reason; });
  if (same != pins_.end()) {
    let_go(same->blobs);
    *same = pin;
  } else {
    pins_.push_back(pin);
  }
  return save_pins();
}

Status Artifacts::unpin(const Cid& cid, const std::string& reason) {
  const std::lock_guard lock(lock_);
  const auto same = std::find_if(pins_.begin(), pins_.end(), [&](const Pin& p) { return p.cid == cid && p.reason == reason; });
  if (same == pins_.end()) return {};
  let_go(same->blobs);
  pins_.erase(same);
  return save_pins();
}

Status Artifacts::shorten(const std::vector<Cid>& cids, std::string_view reason, std::int64_t expires_ms) {
  const std::lock_guard lock(lock_);
  bool changed = false;
  for (auto& pin : pins_) {
    if (pin.expires_ms <= expires_ms || pin.reason != reason || std::ranges::find(cids, pin.cid) == cids.end()) continue;
    pin.expires_ms = expires_ms;
    changed = true;
  }
  if (!changed) return {};
  return save_pins();
}

Artifacts::Usage Artifacts::usage() {
  const std::lock_guard lock(lock_);
  drop_expired();
  Usage out{bytes_, 0, quota_, entries_.size()};
  for (const auto& [digest, entry] : entries_)
    if (held_.contains(digest)) out.pinned_bytes += entry.size;
  return out;
}

Artifacts::Incoming::Incoming(Artifacts& store, std::optional<base::ArtifactRef> expected, std::uint64_t limit)
    : store_(store), expected_(expected), limit_(expected ? std::min(limit, expected->size) : limit) {}

Artifacts::Incoming::~Incoming() { store_.release(held_); }

Status Artifacts::Incoming::keep(const Cid& cid, ByteView bytes) {
  {
    const std::lock_guard lock(store_.lock_);
    store_.hold({cid});
  }
  held_.push_back(cid);
  return store_.store_blob(cid, bytes);
}

Status Artifacts::Incoming::flush() {
  const auto cid = Cid::of(buffer_);
  KOINON_CHECK(keep(cid, buffer_));
  manifest_.chunks.push_back(cid);
  manifest_.size += buffer_.size();
  buffer_.clear();
  return {};
}

Status Artifacts::Incoming::write(ByteView bytes) {
  if (bytes.size() > limit_ - manifest_.size - buffer_.size())
    return base::fail(Code::out_of_range, "[artifacts] more than {} bytes", limit_);
  while (!bytes.empty()) {
    // A full buffer waits for one byte more: only then is it a chunk and not a whole small artifact.
    if (buffer_.size() == kChunkSize) KOINON_CHECK(flush());
    const auto take = std::min<std::size_t>(bytes.size(), kChunkSize - buffer_.size());
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(take));
    bytes = bytes.subspan(take);
    // When it is known to be chunked, what has arrived is kept at once, so that a broken-off fetch can go on.
    if (buffer_.size() == kChunkSize && expected_ && expected_->size > kChunkSize) KOINON_CHECK(flush());
  }
  return {};
}

Result<base::ArtifactRef> Artifacts::Incoming::finish() {
  const bool chunked = !manifest_.chunks.empty();
  if (chunked && !buffer_.empty()) KOINON_CHECK(flush());
  if (!chunked && Manifest::decode(buffer_))
    return base::fail(Code::invalid_argument,
                      "[artifacts] these bytes read as a list of chunks and cannot be an artifact themselves");
  const auto bytes = chunked ? manifest_.encode() : std::move(buffer_);
  const base::ArtifactRef ref{Cid::of(bytes), chunked ? manifest_.size : bytes.size()};
  if (expected_ && *expected_ != ref)
    return base::fail(Code::rejected, "[artifacts] {} of {} bytes came: {} of {} expected", ref.cid.text(), ref.size,
                      expected_->cid.text(), expected_->size);
  KOINON_CHECK(keep(ref.cid, bytes));
  return ref;
}

}  // namespace koinon::node
