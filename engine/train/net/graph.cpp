#include "engine/train/net/graph.hpp"

#include <algorithm>
#include <bit>

#include "base/codec.hpp"

namespace koinon::engine::train {
namespace {

std::size_t elements(const Shape& shape) { return static_cast<std::size_t>(tensor::element_count(shape)); }

void write_shape(base::Writer& to, const Shape& shape) {
  to.number(static_cast<std::uint8_t>(shape.size()));
  for (auto axis : shape) to.number(axis);
}

}  // namespace

std::uint64_t saturated(std::initializer_list<std::int64_t> sizes) {
  std::uint64_t out = 1;
  for (const auto size : sizes) {
    const auto n = static_cast<std::uint64_t>(size);
    if (n != 0 && out > UINT64_MAX / n) return UINT64_MAX;
    out *= n;
  }
  return out;
}

tl::unexpected<base::Error> wrong_inputs(std::string_view op, const std::vector<Shape>& in, std::string_view expected) {
  std::string shapes;
  for (const auto& s : in) shapes += (shapes.empty() ? "" : ", ") + tensor::shape_text(s);
  return base::fail(base::Code::invalid_argument, "[{}] inputs {}: {} expected", op, shapes, expected);
}

base::Status Graph::room(const Shape& shape) const {
  KOINON_CHECK(tensor::check_shape(shape));
  if (elements_ + tensor::element_count(shape) > most_)
    return base::fail(base::Code::exhausted, "[graph] {} more elements than the {} that a net may have: a smaller batch or net",
                      tensor::shape_text(shape), most_);
  return {};
}

int Graph::input(std::string name, Shape shape) {
  const auto n = elements(shape);
  elements_ += static_cast<std::int64_t>(n);
  values_.push_back({std::move(name), Role::input, std::move(shape), std::vector<float>(n), {}});
  return size() - 1;
}

int Graph::parameter(std::string name, Shape shape, bool trained) {
  const auto n = elements(shape);
  elements_ += static_cast<std::int64_t>(n);
  values_.push_back({std::move(name), trained ? Role::parameter : Role::buffer, std::move(shape), std::vector<float>(n),
                     std::vector<float>(trained ? n : 0)});
  return size() - 1;
}

base::Result<int> Graph::add(std::unique_ptr<Op> op, std::vector<int> inputs) {
  std::vector<Shape> shapes;
  bool trained = false;
  for (auto i : inputs) {
    shapes.push_back(value(i).shape);
    trained = trained || !value(i).gradient.empty();
  }
  KOINON_TRY(auto shape, op->infer(shapes));
  KOINON_CHECK(room(shape));
  const auto n = elements(shape);
  const auto scratch = op->scratch();
  if (scratch > static_cast<std::uint64_t>(most_ - elements_) - n)
    return base::fail(base::Code::exhausted,
                      "[{}] {} elements beside its output: more than the {} that a net may have: a smaller batch or net",
                      op->name(), scratch, most_);
  elements_ += static_cast<std::int64_t>(n + scratch);
  values_.push_back({std::string(op->name()) + std::to_string(nodes_.size()), Role::inner, std::move(shape),
                     std::vector<float>(n), std::vector<float>(trained ? n : 0)});
  nodes_.push_back({std::move(op), std::move(inputs), size() - 1});
  return size() - 1;
}

std::vector<int> Graph::with_role(Role role) const {
  std::vector<int> out;
  for (int i = 0; i < size(); ++i)
    if (value(i).role == role) out.push_back(i);
  return out;
}

std::int64_t Graph::parameter_count() const {
  std::int64_t out = 0;
  for (auto i : with_role(Role::parameter)) out += static_cast<std::int64_t>(value(i).data.size());
  return out;
}

void Graph::forward(const Pass& pass, std::size_t nodes) {
  const FloatMode mode;
  for (std::size_t n = 0; n < std::min(nodes, nodes_.size()); ++n) {
    auto& node = nodes_[n];
    Op::Arrays in;
    for (auto i : node.inputs) in.push_back(value(i).data.data());
    auto& out = value(node.output).data;
    node.op->forward(pass, in, out.data());
    if (pass.tap != nullptr) pass.tap->forward(n, out.data(), out.size());
  }
}

void Graph::backward(const Pass& pass, int loss) {
  const FloatMode mode;
  const auto& l = lanes(pass.machine);
  std::vector<bool> reached(values_.size());
  value(loss).gradient.assign(1, 1.0F);
  reached[static_cast<std::size_t>(loss)] = true;
  for (std::size_t n = nodes_.size(); n-- > 0;) {
    auto& node = nodes_[n];
    if (!reached[static_cast<std::size_t>(node.output)]) continue;
    Op::Arrays in, d_in;
    std::vector<std::pair<int, std::vector<float>>> again;  // gradients of values that have one already
    again.reserve(node.inputs.size());
    for (auto i : node.inputs) {
      auto& v = value(i);
      in.push_back(v.data.data());
      if (v.gradient.empty()) {
        d_in.push_back(nullptr);
      } else if (reached[static_cast<std::size_t>(i)]) {
        again.emplace_back(i, std::vector<float>(v.gradient.size()));
        d_in.push_back(again.back().second.data());
      } else {
        reached[static_cast<std::size_t>(i)] = true;
        d_in.push_back(v.gradient.data());
      }
    }
    node.op->backward(pass, in, value(node.output).data.data(), value(node.output).gradient.data(), d_in);
    if (pass.tap != nullptr)
      for (std::size_t i = 0; i < d_in.size(); ++i)
        if (d_in[i] != nullptr) pass.tap->gradient(n, i, d_in[i], value(node.inputs[i]).gradient.size());
    for (auto& [i, more] : again)
      chunks(pass.machine, static_cast<std::int64_t>(more.size()),
             [&, to = value(i).gradient.data(), from = more.data()](std::int64_t first, std::int64_t count) {
               l.add_to(count, from + first, to + first);
             });
  }
  for (auto i : with_role(Role::parameter))
    if (!reached[static_cast<std::size_t>(i)]) std::fill(value(i).gradient.begin(), value(i).gradient.end(), 0.0F);
}

base::Hash Graph::description_root() const {
  base::Writer to;
  to.text("koinon.training.graph");
  to.number(static_cast<std::uint32_t>(values_.size()));
  for (const auto& v : values_) {
    to.number(static_cast<std::uint8_t>(v.role));
    to.text(v.name);
    write_shape(to, v.shape);
  }
  to.number(static_cast<std::uint32_t>(nodes_.size()));
  for (const auto& node : nodes_) {
    to.text(node.op->name());
    for (const auto& [key, number] : node.op->numbers()) {
      to.text(key);
      to.number(std::bit_cast<std::uint64_t>(number));
    }
    for (auto i : node.inputs) to.number(static_cast<std::int32_t>(i));
    to.number(static_cast<std::int32_t>(node.output));
  }
  return base::keccak256(to.bytes());
}

}  // namespace koinon::engine::train
