#include "trust/optimistic/program_trees.hpp"

#include "base/hash.hpp"

namespace koinon::trust::optimistic {
namespace {

using base::Domain;
using base::Hash;
using base::Tree;
using engine::program::Constant;
using engine::program::Program;
using engine::program::Source;

Tree tree_of_steps(const Program& program) {
  std::vector<Hash> items;
  for (const auto& step : program.steps) items.push_back(base::keccak256(engine::program::encode_step(step)));
  return Tree::of_list(Domain::steps, items);
}

Tree tree_of(Domain domain, const std::vector<Constant>& constants) {
  std::vector<Hash> items;
  for (const auto& one : constants) items.push_back(one.root);
  return Tree::of_list(domain, items);
}

}  // namespace

ProgramTrees::ProgramTrees(const Program& program)
    : program_(&program),
      steps_(tree_of_steps(program)),
      weights_(tree_of(Domain::weights, program.weights)),
      tables_(tree_of(Domain::tables, program.tables)) {
  parts_.version = program.version;
  parts_.io = base::keccak256(engine::program::encode_io(program));
  parts_.steps = steps_.root();
  parts_.weights = weights_.root();
  parts_.tables = tables_.root();
  parts_.step_count = program.steps.size();
  parts_.weight_count = program.weights.size();
  parts_.table_count = program.tables.size();
  id_ = parts_.id();
}

StepOpening ProgramTrees::step(std::size_t number) const {
  KOINON_INVARIANT(number < program_->steps.size());
  return {parts_, number, engine::program::encode_step(program_->steps[number]), steps_.path(number)};
}

std::vector<Hash> ProgramTrees::constant_path(engine::program::Ref ref) const {
  return (ref.source() == Source::weight ? weights_ : tables_).path(ref.index());
}

}  // namespace koinon::trust::optimistic
