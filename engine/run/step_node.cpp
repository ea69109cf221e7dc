#include <array>

#include "engine/program/steps/rule.hpp"
#include "engine/run/node.hpp"

namespace koinon::engine::run {
namespace {

class StepNode final : public Node {
 public:
  StepNode(const program::Step& step, std::size_t number) : step_(step), rule_(program::steps::find_rule(step.kind)) {
    reads = step.operands;
    for (std::size_t o = 0; o < step.outputs.size(); ++o) writes.push_back(step.first_output + o);
    last_step = number;
  }

  base::Status run(const Frame& frame) const override {
    std::array<const std::uint8_t*, program::kMaxOperands> operands;
    std::array<std::uint8_t*, 2> outputs;
    for (std::size_t i = 0; i < reads.size(); ++i) operands[i] = frame.read(reads[i]);
    for (std::size_t o = 0; o < writes.size(); ++o) outputs[o] = frame.write(writes[o]);
    const program::steps::Execution run{step_, std::span(operands).first(reads.size()), std::span(outputs).first(writes.size()),
                                        frame.context};
    if (rule_->admit != nullptr)
      if (auto admitted = rule_->admit(run); !admitted)
        return base::fail(
            std::move(admitted).error().within(fmt::format("[run] step {}: [{}]", last_step, step_name(step_.kind))));
    rule_->execute(run);
    return {};
  }

 private:
  const program::Step& step_;
  const program::steps::StepRule* rule_;
};

}  // namespace

NodePtr step_node(const Making& making, std::size_t step) {
  return std::make_unique<StepNode>(making.program.steps[step], step);
}

}  // namespace koinon::engine::run
