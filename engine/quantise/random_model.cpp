#include "engine/quantise/random_model.hpp"

#include <functional>
#include <numeric>

#include "engine/quantise/random_maker.hpp"

namespace koinon::engine::quantise {

std::int64_t Choices::roll(std::int64_t sides) {
  if (sides <= 1) return 0;
  if (at_ < bytes_.size()) return bytes_[at_++] % sides;
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return static_cast<std::int64_t>((z ^ (z >> 31)) % static_cast<std::uint64_t>(sides));
}

double Choices::real(double low, double high) { return low + (high - low) * static_cast<double>(roll(1001)) / 1000; }

std::int64_t elements(const Sizes& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

std::string Maker::node(const std::string& op, const std::vector<std::string>& inputs, const Attributes& attributes,
                        std::size_t outputs) {
  auto& n = *graph_.add_node();
  n.set_op_type(op);
  const auto name = "v" + std::to_string(names_++);
  n.set_name(op + "_" + name);
  for (const auto& i : inputs) n.add_input(i);
  for (std::size_t o = 0; o < outputs; ++o) n.add_output(o == 0 ? name : name + "_" + std::to_string(o));
  for (const auto& [key, value] : attributes) {
    auto& a = *n.add_attribute();
    a.set_name(key);
    if (const auto* i = std::get_if<std::int64_t>(&value)) {
      a.set_type(::onnx::AttributeProto::INT);
      a.set_i(*i);
    } else if (const auto* f = std::get_if<double>(&value)) {
      a.set_type(::onnx::AttributeProto::FLOAT);
      a.set_f(static_cast<float>(*f));
    } else if (const auto* s = std::get_if<std::string>(&value)) {
      a.set_type(::onnx::AttributeProto::STRING);
      a.set_s(*s);
    } else {
      a.set_type(::onnx::AttributeProto::INTS);
      for (auto entry : std::get<Sizes>(value)) a.add_ints(entry);
    }
  }
  return name;
}

std::string Maker::reals(const Sizes& shape, double low, double high) {
  auto& t = *graph_.add_initializer();
  t.set_name("c" + std::to_string(names_++));
  t.set_data_type(1);
  for (auto d : shape) t.add_dims(d);
  for (std::int64_t i = 0; i < elements(shape); ++i) t.add_float_data(static_cast<float>(dice_.real(low, high)));
  return t.name();
}

std::string Maker::integers(const Sizes& list) {
  auto& t = *graph_.add_initializer();
  t.set_name("c" + std::to_string(names_++));
  t.set_data_type(7);
  t.add_dims(static_cast<std::int64_t>(list.size()));
  for (auto v : list) t.add_int64_data(v);
  return t.name();
}

void Maker::keep(Made made) {
  if (made.size() > 20) {
    const double factor = 4 / made.size();
    made.name = node("Mul", {made.name, reals({}, factor, factor)});
    made.low *= factor;
    made.high *= factor;
  }
  pool_.push_back(std::move(made));
}

Made Maker::shaped(const Made& x, std::size_t rank) {
  if (x.rank() == rank) return x;
  Sizes shape;
  std::int64_t rest = elements(x.shape);
  for (std::size_t i = 0; i + 1 < rank; ++i) {
    std::int64_t d = i == 0 && rank > 2 ? 1 : roll(1, 6);
    while (rest % d != 0) --d;
    shape.push_back(d);
    rest /= d;
  }
  shape.push_back(rest);
  return {node("Reshape", {x.name, integers(shape)}), shape, x.low, x.high};
}

std::string Maker::make() {
  model_.set_ir_version(11);
  model_.add_opset_import()->set_version(23);
  graph_.set_name("random");
  for (auto inputs = roll(1, 2); inputs > 0; --inputs) {
    Sizes shape{1};
    for (auto rank = roll(1, 3); rank > 0; --rank) shape.push_back(roll(1, 7));
    auto& input = *graph_.add_input();
    input.set_name("x" + std::to_string(inputs));
    auto& type = *input.mutable_type()->mutable_tensor_type();
    type.set_elem_type(1);
    for (auto d : shape) type.mutable_shape()->add_dim()->set_dim_value(d);
    pool_.push_back({input.name(), shape, -1, 1});
  }
  const auto inputs = pool_.size();
  using Step = void (Maker::*)();
  static constexpr Step kSteps[] = {&Maker::unary,         &Maker::unary,       &Maker::positive,
                                    &Maker::binary,        &Maker::binary,      &Maker::arithmetic_with_constant,
                                    &Maker::compare,       &Maker::product,     &Maker::product,
                                    &Maker::convolution,   &Maker::convolution, &Maker::pooling,
                                    &Maker::normalisation, &Maker::softmax,     &Maker::reduction,
                                    &Maker::rearranged,    &Maker::joined,      &Maker::cut,
                                    &Maker::padded,        &Maker::indexed,     &Maker::sorted,
                                    &Maker::resized,       &Maker::scanned,     &Maker::recurrent};
  for (; left_ > 0; --left_) (this->*kSteps[dice_.roll(std::size(kSteps))])();
  // Every value that no node reads is an output, so that nothing is dropped.
  std::map<std::string, int> uses;
  for (const auto& n : graph_.node())
    for (const auto& i : n.input()) ++uses[i];
  for (std::size_t i = inputs; i < pool_.size(); ++i)
    if (uses[pool_[i].name]++ == 0) graph_.add_output()->set_name(pool_[i].name);
  return model_.SerializeAsString();
}

std::string random_model(Choices& choices, int nodes) { return Maker(choices, nodes).make(); }

}  // namespace koinon::engine::quantise
