#include "trust/optimistic/misfit.hpp"

#include "base/tree.hpp"

namespace koinon::trust::optimistic {

using base::Domain;

std::optional<Fraud> misfit(const ProgramTrees& program, const std::vector<base::Bytes>& inputs) {
  const auto& expected = program.program().inputs;
  std::vector<base::Hash> roots;
  for (const auto& bytes : inputs) roots.push_back(base::byte_tree_root(Domain::tensor, bytes));
  const auto list = base::Tree::of_list(Domain::inputs, roots);
  const auto io = engine::program::encode_io(program.program());
  if (inputs.size() != expected.size()) return Fraud{InputsProof{program.parts(), io, inputs.size(), list.top()}};
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto& info = expected[i].info;
    const auto size =
        static_cast<std::size_t>(engine::tensor::element_count(info.shape)) * engine::tensor::dtype_size(info.dtype);
    if (inputs[i].size() == size) continue;
    return Fraud{InputLengthProof{program.parts(),
                                  io,
                                  {inputs.size(), i, roots[i], list.path(i)},
                                  inputs[i].size(),
                                  base::byte_tree_top(Domain::tensor, inputs[i])}};
  }
  return std::nullopt;
}

}  // namespace koinon::trust::optimistic
