#include <optional>

#include "base/codec.hpp"
#include "base/tree_batch.hpp"
#include "engine/program/bounds.hpp"
#include "engine/program/format.hpp"
#include "engine/program/inner.hpp"

namespace koinon::engine::program {
namespace {

using base::Code;
using base::fail;
using base::Reader;
using base::Result;
using base::Status;

constexpr std::size_t kMaxBlob = 1 << 24;

Result<TensorInfo> read_info(Reader& in) {
  KOINON_TRY(const auto number, in.number<std::uint8_t>());
  KOINON_TRY(const auto dtype, tensor::dtype_from(number));
  KOINON_TRY(const auto rank, in.number<std::uint8_t>());
  TensorInfo info{dtype, {}};
  for (unsigned i = 0; i < rank; ++i) {
    KOINON_TRY(const auto size, in.number<std::uint32_t>());
    info.shape.push_back(size);
  }
  KOINON_CHECK(tensor::check_shape(info.shape));
  return info;
}

Result<Scale> read_scale(Reader& in) {
  KOINON_TRY(const auto mantissa, in.number<std::int32_t>());
  KOINON_TRY(const auto exponent, in.number<std::int32_t>());
  return Scale{mantissa, exponent};
}

Result<std::uint32_t> read_count(Reader& in, std::size_t limit, std::string_view what) {
  KOINON_TRY(const auto count, in.number<std::uint32_t>());
  if (count > limit) return fail(Code::malformed, "[program] {} {}: at most {}", count, what, limit);
  return count;
}

Status read_io(base::ByteView bytes, Program& out) {
  Reader in(bytes);
  KOINON_TRY(const auto inputs, read_count(in, kMaxTensors, "inputs"));
  for (std::uint32_t i = 0; i < inputs; ++i) {
    Input input;
    KOINON_TRY(input.name, in.text(kMaxText));
    KOINON_TRY(input.info, read_info(in));
    KOINON_TRY(input.scale, read_scale(in));
    KOINON_TRY(input.low, in.number<std::int64_t>());
    KOINON_TRY(input.high, in.number<std::int64_t>());
    out.inputs.push_back(std::move(input));
  }
  KOINON_TRY(const auto outputs, read_count(in, kMaxTensors, "outputs"));
  for (std::uint32_t i = 0; i < outputs; ++i) {
    Output output;
    KOINON_TRY(output.name, in.text(kMaxText));
    KOINON_TRY(output.ref.word, in.number<std::uint32_t>());
    KOINON_TRY(output.scale, read_scale(in));
    out.outputs.push_back(std::move(output));
  }
  return in.finish();
}

Result<Step> read_step(base::ByteView bytes) {
  Reader in(bytes);
  Step step;
  KOINON_TRY(const auto kind, in.number<std::uint8_t>());
  step.kind = static_cast<StepKind>(kind & ~kInnerBit);
  step.inner = (kind & kInnerBit) != 0;
  KOINON_TRY(const auto operands, in.number<std::uint8_t>());
  for (unsigned i = 0; i < operands; ++i) {
    KOINON_TRY(const auto word, in.number<std::uint32_t>());
    KOINON_TRY(auto info, read_info(in));
    step.operands.push_back(Ref{word});
    step.operand_infos.push_back(std::move(info));
  }
  KOINON_TRY(step.first_output, in.number<std::uint32_t>());
  KOINON_TRY(const auto outputs, in.number<std::uint8_t>());
  for (unsigned i = 0; i < outputs; ++i) {
    KOINON_TRY(auto info, read_info(in));
    step.outputs.push_back(std::move(info));
  }
  KOINON_TRY(const auto params, in.number<std::uint8_t>());
  for (unsigned i = 0; i < params; ++i) {
    KOINON_TRY(const auto value, in.number<std::int64_t>());
    step.params.push_back(value);
  }
  KOINON_CHECK(in.finish());
  return step;
}

Status read_constants(Reader& in, std::vector<Constant>& out, std::string_view what) {
  KOINON_TRY(const auto count, read_count(in, kMaxTensors, what));
  for (std::uint32_t i = 0; i < count; ++i) {
    Constant c;
    KOINON_TRY(c.info, read_info(in));
    KOINON_TRY(c.root, in.fixed_bytes<32>());
    out.push_back(std::move(c));
  }
  return {};
}

// Data of constants, which must have the roots that stand before them; `left` bytes are to be read. Many are hashed together,
// large ones on all cores.
Status read_data(Reader& in, std::size_t left, std::vector<Constant>& constants, std::string_view what) {
  constexpr std::size_t kLarge = std::size_t{16} << 20;  // for which threads pay
  std::optional<base::ThreadPool> pool;
  if (left > kLarge) pool.emplace();
  base::TreeBatch batch(base::Domain::tensor, pool ? &*pool : nullptr);
  for (std::size_t i = 0; i < constants.size(); ++i) {
    auto& c = constants[i];
    KOINON_TRY(const auto zeros, in.raw((kAlignment - in.position() % kAlignment) % kAlignment));
    for (auto b : zeros)
      if (b != 0) return fail(Code::malformed, "[program] padding before {} {} is not zero", what, i);
    KOINON_TRY(const auto view,
               in.raw(static_cast<std::size_t>(tensor::element_count(c.info.shape)) * tensor::dtype_size(c.info.dtype)));
    batch.add(view);
    c.data.assign(view.begin(), view.end());
  }
  const auto roots = batch.roots();
  for (std::size_t i = 0; i < constants.size(); ++i)
    if (roots[i] != constants[i].root) return fail(Code::malformed, "[program] {} {} does not match its root", what, i);
  return {};
}

Status read_head(Reader& in, Program& out) {
  KOINON_TRY(const auto magic, in.raw(kMagic.size()));
  if (base::as_text(magic) != kMagic) return fail(Code::malformed, "[program] not a .koinon file");
  KOINON_TRY(out.version, in.number<std::uint32_t>());
  KOINON_CHECK(check_version(out.version));
  for (auto* text : {&out.metadata.name, &out.metadata.author, &out.metadata.licence, &out.metadata.description}) {
    KOINON_TRY(*text, in.text(kMaxText));
  }
  KOINON_TRY(const auto io, in.blob(kMaxBlob));
  return read_io(io, out);
}

}  // namespace

base::Result<Program> decode(base::ByteView bytes) {
  Reader in(bytes);
  Program out;
  KOINON_CHECK(read_head(in, out));
  KOINON_TRY(const auto steps, read_count(in, kMaxSteps, "steps"));
  for (std::uint32_t i = 0; i < steps; ++i) {
    KOINON_TRY(const auto blob, in.blob(kMaxBlob));
    auto step = read_step(blob);
    if (!step) return fail(std::move(step).error().within(fmt::format("step {}", i)));
    out.steps.push_back(*std::move(step));
  }
  KOINON_CHECK(read_constants(in, out.weights, "weights"));
  KOINON_CHECK(read_constants(in, out.tables, "tables"));
  KOINON_TRY(const auto open, in.number<std::uint8_t>());
  if (open > 1) return fail(Code::malformed, "[program] weights flag {}: 0 or 1 expected", open);
  // With no weights there is nothing to hide: one program, one encoding.
  if (open == 0 && out.weights.empty()) return fail(Code::malformed, "[program] weights flag 0 without weights: 1 expected");
  KOINON_CHECK(read_data(in, bytes.size() - in.position(), out.tables, "table"));
  if (open == 1) KOINON_CHECK(read_data(in, bytes.size() - in.position(), out.weights, "weight"));
  KOINON_CHECK(in.finish());
  KOINON_CHECK(validate(out));
  return out;
}

}  // namespace koinon::engine::program
