// A .koinon file, little-endian:
//
//   8   magic "koinon\0\1"
//   u32 version (2)
//   4 x text: name, author, licence, description         text = u32 length, UTF-8 bytes
//   blob: input and output description                   blob = u32 length, bytes
//   u32 number of steps, then one blob a step
//   u32 number of weights, then for each: tensor, 32-byte root
//   u32 number of tables,  then for each: tensor, 32-byte root
//   u8  1 when the weights follow, 0 when they are hidden
//   data of the tables, then of the weights: each begins at the next multiple of 64 bytes, after zeros
//
// tensor:  u8 type, u8 rank, rank x u32 sizes
// io:      u32 inputs,  each: text name, tensor, i32 mantissa, i32 exponent, i64 low, i64 high
//          u32 outputs, each: text name, u32 ref, i32 mantissa, i32 exponent
// step:    u8 kind, + 0x80 when its output is inner (inner.hpp), u8 operands, each: u32 ref, tensor; u32 first output; u8
// outputs, each: tensor; u8 params, each: i64
#include "base/codec.hpp"
#include "base/merkle.hpp"
#include "engine/program/format.hpp"
#include "engine/program/inner.hpp"

namespace koinon::engine::program {
namespace {

void write_info(base::Writer& out, const TensorInfo& info) {
  out.number(static_cast<std::uint8_t>(info.dtype));
  out.number(static_cast<std::uint8_t>(info.shape.size()));
  for (auto n : info.shape) out.number(static_cast<std::uint32_t>(n));
}

void write_scale(base::Writer& out, const Scale& scale) {
  out.number(scale.mantissa);
  out.number(scale.exponent);
}

void write_constants(base::Writer& out, const std::vector<Constant>& constants) {
  out.number(static_cast<std::uint32_t>(constants.size()));
  for (const auto& c : constants) {
    write_info(out, c.info);
    out.raw(c.root.view());
  }
}

void write_data(base::Writer& out, const std::vector<Constant>& constants) {
  static constexpr std::uint8_t kZeros[kAlignment] = {};
  for (const auto& c : constants) {
    out.raw(base::ByteView(kZeros).first((kAlignment - out.size() % kAlignment) % kAlignment));
    out.raw(c.data);
  }
}

base::Hash constants_root(base::Domain domain, const std::vector<Constant>& constants) {
  std::vector<base::Hash> items;
  for (const auto& c : constants) items.push_back(c.root);
  return base::list_root(domain, items);
}

}  // namespace

base::Bytes encode_step(const Step& step) {
  base::Writer out;
  out.number(static_cast<std::uint8_t>(static_cast<std::uint8_t>(step.kind) | (step.inner ? kInnerBit : 0)));
  out.number(static_cast<std::uint8_t>(step.operands.size()));
  for (std::size_t i = 0; i < step.operands.size(); ++i) {
    out.number(step.operands[i].word);
    write_info(out, step.operand_infos[i]);
  }
  out.number(step.first_output);
  out.number(static_cast<std::uint8_t>(step.outputs.size()));
  for (const auto& info : step.outputs) write_info(out, info);
  out.number(static_cast<std::uint8_t>(step.params.size()));
  for (auto p : step.params) out.number(p);
  return std::move(out).take();
}

base::Bytes encode_io(const Program& program) {
  base::Writer out;
  out.number(static_cast<std::uint32_t>(program.inputs.size()));
  for (const auto& in : program.inputs) {
    out.text(in.name);
    write_info(out, in.info);
    write_scale(out, in.scale);
    out.number(in.low);
    out.number(in.high);
  }
  out.number(static_cast<std::uint32_t>(program.outputs.size()));
  for (const auto& o : program.outputs) {
    out.text(o.name);
    out.number(o.ref.word);
    write_scale(out, o.scale);
  }
  return std::move(out).take();
}

base::Bytes encode(const Program& program, bool with_weights) {
  base::Writer out;
  out.raw(base::as_bytes(kMagic));
  out.number(program.version);
  const Metadata& m = program.metadata;
  for (const auto* text : {&m.name, &m.author, &m.licence, &m.description}) out.text(*text);
  out.blob(encode_io(program));
  out.number(static_cast<std::uint32_t>(program.steps.size()));
  for (const auto& step : program.steps) out.blob(encode_step(step));
  write_constants(out, program.weights);
  write_constants(out, program.tables);
  const bool open = program.weights.empty() || (with_weights && program.has_weights());
  out.number(static_cast<std::uint8_t>(open ? 1 : 0));
  write_data(out, program.tables);
  if (open) write_data(out, program.weights);
  return std::move(out).take();
}

Roots roots(const Program& program) {
  std::vector<base::Hash> steps;
  for (const auto& step : program.steps) steps.push_back(base::keccak256(encode_step(step)));
  Roots out;
  out.io = base::keccak256(encode_io(program));
  out.steps = base::list_root(base::Domain::steps, steps);
  out.weights = constants_root(base::Domain::weights, program.weights);
  out.tables = constants_root(base::Domain::tables, program.tables);
  const auto version = base::be64(program.version);
  out.id = base::keccak256({version, out.io.view(), out.steps.view(), out.weights.view(), out.tables.view()});
  return out;
}

base::Hash program_id(const Program& program) { return roots(program).id; }

}  // namespace koinon::engine::program
