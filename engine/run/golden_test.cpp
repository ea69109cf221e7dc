// Programs whose bytes, ids and roots are committed (golden/): whatever machine, compiler or version runs this finds the same.
// docs/engine.md is what they are worked out from; test/reference holds an executor made from that page alone.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "base/file.hpp"
#include "engine/run/execute.hpp"
#include "engine/run/golden_programs.hpp"

namespace koinon::engine::run {
namespace {

const std::filesystem::path kFolder = "engine/run/golden";

base::Hash salt() {
  base::Hash out;
  for (std::size_t i = 0; i < 32; ++i) out.bytes[i] = static_cast<std::uint8_t>(i);
  return out;
}

/// The lines of one program in vectors.txt.
std::string lines(const Golden& golden, const Run& run) {
  std::string out = "program " + golden.name + "\nid " + base::to_hex(program::program_id(golden.program)) + "\n";
  for (const auto& in : golden.inputs) out += "input " + base::to_hex(in.bytes) + "\n";
  for (const auto& [name, root] : {std::pair{"input_root", run.input_root},
                                   {"salted_input_root", salted_input_root(salt(), golden.inputs)},
                                   {"output_root", run.output_root},
                                   {"trace_root", run.trace_root},
                                   {"witness", run.witness}})
    out += std::string(name) + " " + base::to_hex(root) + "\n";
  return out + "\n";
}

TEST(Golden, bytes_ids_and_roots_are_the_committed_ones) {
  const bool write = std::getenv("KOINON_WRITE_GOLDEN") != nullptr;
  std::string text;
  for (const auto& golden : golden_programs()) {
    const auto bytes = program::encode(golden.program);
    const auto file = kFolder / (golden.name + ".koinon");
    if (write) ASSERT_TRUE(base::write_file(file, bytes));
    const auto there = base::read_file(file);
    ASSERT_TRUE(there) << there.error().text;
    EXPECT_EQ(*there, bytes) << golden.name;
    const auto read = program::decode(*there);
    ASSERT_TRUE(read) << read.error().text;
    const auto run = execute(*read, golden.inputs, {});
    ASSERT_TRUE(run) << golden.name << ": " << run.error().text;
    text += lines(golden, *run);
  }
  if (write) ASSERT_TRUE(base::write_file(kFolder / "vectors.txt", base::as_bytes(text)));
  const auto there = base::read_file(kFolder / "vectors.txt");
  ASSERT_TRUE(there) << there.error().text;
  EXPECT_EQ(std::string(base::as_text(*there)), text);
}

// The steps one by one with scalar kernels are what the file says too, whatever the compiler made of either.
TEST(Golden, scalar_steps_and_joined_ones_have_the_committed_roots) {
  base::ThreadPool pool(2);
  const auto there = base::read_file(kFolder / "vectors.txt");
  ASSERT_TRUE(there) << there.error().text;
  const auto programs = golden_programs();
  for (const bool scalar : {true, false})
    for (const std::size_t threads : {1U, 2U}) {
      RunOptions options;
      options.force_ref = scalar;
      options.pool = threads == 2 ? &pool : nullptr;
      std::string text;
      for (const auto& golden : programs) {
        const auto run = execute(golden.program, golden.inputs, options);
        ASSERT_TRUE(run) << golden.name << ": " << run.error().text;
        text += lines(golden, *run);
      }
      EXPECT_EQ(std::string(base::as_text(*there)), text) << (scalar ? "scalar" : "joined") << ", " << threads << " threads";
    }
}

TEST(Golden, every_instruction_set_and_thread_count_agrees) {
  base::ThreadPool pool(2);
  for (const auto& golden : golden_programs()) {
    RunOptions scalar, threads, untraced;
    scalar.force_ref = true;
    threads.pool = &pool;
    untraced.trace = false;
    const auto a = execute(golden.program, golden.inputs, scalar), b = execute(golden.program, golden.inputs, threads);
    ASSERT_TRUE(a && b) << golden.name;
    EXPECT_EQ(a->step_roots, b->step_roots) << golden.name;
    EXPECT_EQ(a->output_root, execute(golden.program, golden.inputs, untraced)->output_root) << golden.name;
  }
}

TEST(Golden, every_kind_of_step_has_a_program) {
  std::map<program::StepKind, int> seen;
  for (const auto& golden : golden_programs())
    for (const auto& step : golden.program.steps) ++seen[step.kind];
  EXPECT_EQ(seen.size(), 24U);
}

}  // namespace
}  // namespace koinon::engine::run
