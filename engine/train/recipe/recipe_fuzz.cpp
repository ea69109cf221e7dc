#include <cstddef>

#include "engine/train/recipe/run.hpp"

using namespace koinon;
using namespace koinon::engine::train;

namespace {

constexpr std::string_view kText =
    "batch = 2\nepochs = 1\n[data]\nformat = \"csv\"\ntrain = \"a.csv\"\n[model]\nlayers = [\"linear 3\", [\"relu\"], \"linear "
    "2\"]\n"
    "[optimiser]\nrate = 0.1\n";

const DataSet& data() {
  static const auto set = *read_csv(base::as_bytes("a,b,c\n1,2,x\n3,4,y\n5,6,x\n"), "", false);
  return set;
}

}  // namespace

/// Recipes and checkpoints. A net of a fuzzed recipe is made only when it stays small.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const base::ByteView view(bytes, size);
  static const auto recipe = *read_recipe(base::as_bytes(kText), "seed", {});
  static const auto run = *Run::make(recipe, data(), {});
  (void)run->restore(view);
  base::Bytes sealed(view.begin(), view.end());  // behind a right checksum
  const auto seal = base::keccak256(sealed);
  sealed.insert(sealed.end(), seal.bytes.begin(), seal.bytes.end());
  (void)run->restore(sealed);
  const auto fuzzed = read_recipe(view, "fuzz", {});
  if (!fuzzed || fuzzed->batch > 2 || !fuzzed->onnx.empty()) return 0;
  for (const auto& layer : fuzzed->layers)
    if (layer.text.size() > 12 || layer.text.find_first_of("0123456789e") != layer.text.find_last_of("0123456789e")) return 0;
  if (auto made = Run::make(*fuzzed, data(), {})) (void)(*made)->step();
  return 0;
}

std::vector<base::Bytes> koinon_fuzz_seeds() {
  const auto recipe = *read_recipe(base::as_bytes(kText), "seed", {});
  auto checkpoint = (*Run::make(recipe, data(), {}))->checkpoint();
  checkpoint.resize(checkpoint.size() - 32);
  return {base::Bytes(kText.begin(), kText.end()), checkpoint};
}
