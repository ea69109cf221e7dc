#include "engine/run/execute.hpp"

#include <chrono>

#include "engine/run/check.hpp"
#include "engine/run/layout.hpp"
#include "engine/run/prepared.hpp"

namespace koinon::engine::run {

base::Result<Run> execute(const program::Program& program, std::span<const tensor::IntTensor> inputs,
                          const RunOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  KOINON_CHECK(check_inputs(program, inputs));
  if (const auto peak = peak_of_steps(program); peak > options.memory_limit)
    return base::fail(base::Code::exhausted, "[run] tensors need {} bytes at once: at most {}", peak, options.memory_limit);
  Prepared::Options prepare;
  prepare.fuse = !options.sink && !options.force_ref;
  prepare.trace = options.trace && options.roots;
  if (options.force_ref) prepare.isa = kernels::Isa::ref;
  KOINON_TRY(const auto prepared, Prepared::make(program, prepare));
  KOINON_TRY(auto run, prepared.run(inputs, options));
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return run;
}

}  // namespace koinon::engine::run
