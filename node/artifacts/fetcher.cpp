#include "node/artifacts/fetcher.hpp"

#include <algorithm>

namespace koinon::node {

using base::Code;

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Time that a blob may take at least the pace.
milliseconds allowed(std::uint64_t size, const Pace& pace) {
  return milliseconds(pace.connect_ms +
                      static_cast<std::int64_t>(size * 1000 / std::max<std::uint64_t>(1, pace.bytes_a_second)));
}

}  // namespace

base::Status Fetcher::fetch(const base::ArtifactRef& ref, std::vector<std::string> bases, const Progress& progress,
                            std::stop_token stop, const Pace& pace) {
  if (ref.size > max_size_)
    return base::fail(Code::out_of_range, "[fetch] {} has {} bytes: at most {}", ref.cid.text(), ref.size, max_size_);
  if (store_.has(ref)) return {};
  Course course{std::move(bases), progress, std::move(stop), pace,
                steady_clock::now() + std::min(allowed(ref.size, pace), milliseconds(pace.most_ms))};
  const bool chunked = ref.size > kChunkSize;
  const auto first_size = chunked ? Manifest::encoded_size(ref.size) : ref.size;
  KOINON_TRY(const auto first, blob(ref.cid, first_size, course));
  if (chunked) {
    KOINON_TRY(const auto manifest, Manifest::decode(first));
    if (manifest.size != ref.size)
      return base::fail(Code::rejected, "[fetch] {} has {} bytes: the reference says {}", ref.cid.text(), manifest.size,
                        ref.size);
    return chunks(ref, manifest, course);
  }
  auto incoming = store_.begin(ref);
  KOINON_CHECK(incoming.write(first));
  KOINON_TRY([[maybe_unused]] const auto stored, incoming.finish());
  if (progress) progress(ref.size, ref.size);
  return {};
}

base::Status Fetcher::chunks(const base::ArtifactRef& ref, const Manifest& manifest, Course& course) {
  auto incoming = store_.begin(ref);
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < manifest.chunks.size(); ++i) {
    const auto size = manifest.chunk_size(i);
    auto bytes = store_.blob(manifest.chunks[i]);
    if (!bytes) bytes = blob(manifest.chunks[i], size, course);
    if (!bytes) return base::fail(std::move(bytes).error());
    if (bytes->size() != size)
      return base::fail(Code::rejected, "[fetch] chunk {} of {} has {} bytes: {} expected", i, ref.cid.text(), bytes->size(),
                        size);
    KOINON_CHECK(incoming.write(*bytes));
    done += size;
    if (course.progress) course.progress(done, ref.size);
  }
  KOINON_TRY([[maybe_unused]] const auto stored, incoming.finish());
  return {};
}

base::Result<base::Bytes> Fetcher::blob(const base::Cid& cid, std::uint64_t size, Course& course) {
  std::string answers;
  auto& bases = course.bases;
  for (std::size_t i = 0; i < bases.size(); ++i) {
    const auto left = std::chrono::duration_cast<milliseconds>(course.end - steady_clock::now());
    if (left.count() <= 0)
      return base::fail(Code::timeout, "[fetch] {} is not here in time: {} bytes a second are the least{}", cid.text(),
                        course.pace.bytes_a_second, answers);
    net::ClientRequest request;
    request.url = fmt::format("{}/artifacts/{}", bases[i], cid.text());
    request.max_body = std::max<std::uint64_t>(size, 4096);  // room for the text of a refusal
    request.timeout_ms = std::min(left, allowed(size, course.pace)).count();
    request.stop = course.stop;
    const auto response = client_.send(request);
    if (!response && response.error().code == Code::cancelled) return base::fail(response.error());
    if (!response) {
      answers += fmt::format("; {}", response.error().text);
      continue;
    }
    const auto bytes = base::as_bytes(response->body_text());
    if (response->status != 200 || bytes.size() != size || base::Cid::of(bytes) != cid) {
      answers += fmt::format("; {}: status {}, {} bytes{}", bases[i], response->status, bytes.size(),
                             response->status == 200 ? " of something else" : "");
      continue;
    }
    std::rotate(bases.begin(), bases.begin() + static_cast<std::ptrdiff_t>(i),
                bases.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    return base::Bytes(bytes.begin(), bytes.end());
  }
  return base::fail(Code::not_found, "[fetch] {} from {} peers{}", cid.text(), bases.size(), answers);
}

}  // namespace koinon::node
