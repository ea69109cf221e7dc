#include "engine/kernels/chain.hpp"

#include "engine/kernels/chain_block.hpp"

namespace koinon::engine::kernels {
namespace {

using chain_block::Block;
using chain_block::kBlock;

constexpr std::int64_t kTask = 1 << 14;      // elements in a parallel piece
constexpr std::int64_t kParallel = 1 << 17;  // elements times steps below which threads do not pay

chain_block::Runner runner(Isa isa, bool wide) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return wide ? chain_block::avx512_wide : chain_block::avx512_narrow;
  if (isa == Isa::avx2) return wide ? chain_block::avx2_wide : chain_block::avx2_narrow;
#endif
  static_cast<void>(isa);
  if (wide) return [](const Block& block, Isa set) { chain_block::run<std::int64_t>(block, set); };
  return [](const Block& block, Isa set) { chain_block::run<std::int32_t>(block, set); };
}

}  // namespace

void run_chain(const Context& context, const Chain& chain, std::span<const ConstArray> sources,
               std::span<const Array> results) {
  const std::int64_t total = chain.rows * chain.columns;
  const auto run = runner(context.isa, chain.wide);
  const auto piece = [&](std::int64_t task) {
    const std::int64_t end = std::min(total, (task + 1) * kTask);
    for (std::int64_t at = task * kTask; at < end; at += kBlock)
      run({chain, sources, results, at, std::min(kBlock, end - at)}, context.isa);
  };
  const std::int64_t tasks = (total + kTask - 1) / kTask;
  if (total * static_cast<std::int64_t>(chain.steps.size()) < kParallel) {
    for (std::int64_t task = 0; task < tasks; ++task) piece(task);
  } else {
    context.parallel_for(tasks, piece);
  }
}

}  // namespace koinon::engine::kernels
