#include <cstddef>
#include <cstdlib>

#include "engine/train/recipe/divergence.hpp"

using namespace koinon;
using namespace koinon::engine::train;

/// Traces and records of steps: what decodes encodes to the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const base::ByteView view(bytes, size);
  const base::Bytes given(view.begin(), view.end());
  if (const auto trace = StateTrace::decode(view); trace && trace->encode() != given) std::abort();
  const auto record = StepRecord::decode(view);
  if (!record) return 0;
  if (record->encode() != given) std::abort();
  const auto found = first_difference(*record, *record);
  if (!found || found->has_value()) std::abort();
  return 0;
}

std::vector<base::Bytes> koinon_fuzz_seeds() {
  const StateTrace trace{base::keccak256(base::as_bytes("a")), 1, {base::keccak256(base::as_bytes("b"))}};
  const StepRecord record{base::keccak256(base::as_bytes("a")), 2, {{"forward of relu, node 0", {1, 2, 3}}, {"x", {}}}};
  return {trace.encode(), record.encode()};
}
