#include "trust/proof/prove.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "engine/kernels/array.hpp"
#include "trust/proof/soundness.hpp"
#include "trust/proof/statement.hpp"

namespace koinon::trust::proof {

using base::Code;
using base::fail;
using engine::program::Program;
using engine::tensor::IntTensor;

Program public_view(const Program& program, const Secrecy& secrecy) {
  Program out = program;
  if (!secrecy.weights) return out;
  const auto hidden = hidden_weights(program);
  for (std::size_t i = 0; i < hidden.size(); ++i)
    if (hidden[i]) out.weights[i].data.clear();
  return out;
}

void absorb_statement(Transcript& transcript, const Proof& proof, const Layout& layout) {
  transcript.absorb("program", proof.program_id.view());
  const std::array<std::uint8_t, 2> secrecy{proof.secrecy.weights, proof.secrecy.input};
  transcript.absorb("secrecy", secrecy);
  base::Bytes sizes;
  for (const std::uint64_t number :
       {std::uint64_t{layout.params.rows_log}, std::uint64_t{layout.params.queries}, std::uint64_t{layout.params.work_bits},
        std::uint64_t{layout.params.pads}, std::uint64_t{layout.params.weight_pads}, std::uint64_t{layout.weight_cells},
        std::uint64_t{layout.witness_cells}, std::uint64_t{layout.lookups}}) {
    const auto bytes = base::be64(number);
    sizes.insert(sizes.end(), bytes.begin(), bytes.end());
  }
  transcript.absorb("sizes", sizes);
  transcript.absorb("weights", proof.weight_root.view());
  const auto input = proof.secrecy.input ? base::Hash{} : engine::run::input_root(proof.inputs);
  transcript.absorb("input", input.view());
  transcript.absorb("output", engine::run::output_root(proof.outputs).view());
}

std::vector<IntTensor> zero_outputs(const Program& program) {
  std::vector<IntTensor> out;
  for (const auto& output : program.outputs) {
    const std::size_t index = output.ref.index();
    if (index < program.inputs.size()) {
      const auto& info = program.inputs[index].info;
      out.push_back(IntTensor::zeros(info.dtype, info.shape));
      continue;
    }
    for (const auto& step : program.steps)
      if (index >= step.first_output && index < step.first_output + step.outputs.size()) {
        const auto& info = step.outputs[index - step.first_output];
        out.push_back(IntTensor::zeros(info.dtype, info.shape));
      }
  }
  return out;
}

namespace {

/// An input of the lowest allowed elements.
std::vector<IntTensor> low_inputs(const Program& program) {
  std::vector<IntTensor> out;
  for (const auto& input : program.inputs) {
    out.push_back(IntTensor::zeros(input.info.dtype, input.info.shape));
    for (std::int64_t i = 0; i < out.back().size(); ++i) out.back().set(i, input.low);
  }
  return out;
}

}  // namespace

base::Result<Circuit> sized_circuit(const Program& view, const Secrecy& secrecy, bool sizes_only) {
  const auto inputs = secrecy.input ? std::vector<IntTensor>{} : low_inputs(view);
  const auto outputs = zero_outputs(view);
  return build_circuit({view, secrecy, inputs, outputs, sizes_only}, nullptr);
}

namespace {

base::Status check_data(const Program& view, const Secrecy& secrecy) {
  const auto hidden = hidden_weights(view);
  for (std::size_t i = 0; i < view.weights.size(); ++i)
    if (view.weights[i].data.empty() && !(secrecy.weights && hidden[i]))
      return fail(Code::invalid_argument, "[proof] weight {} is absent from the program and is not one that the proof hides",
                  i);
  return {};
}

/// Bytes of a proof beside its openings: what it states, what it reveals, and its sumchecks.
std::uint64_t other_bytes(const Program& view, const Secrecy& secrecy, const Circuit& circuit) {
  const auto of = [](const auto& info) {
    const auto size =
        static_cast<std::uint64_t>(engine::tensor::element_count(info.shape)) * engine::tensor::dtype_size(info.dtype);
    return 2 + 8 * info.shape.size() + size;
  };
  std::uint64_t out = 256 + 72 * std::uint64_t{circuit.rows_log()};
  for (const auto& form : circuit.bilinears()) out += 100 + 48 * std::uint64_t{form.inner_log()};
  for (const auto& output : zero_outputs(view)) out += of(output);
  if (!secrecy.input)
    for (const auto& input : view.inputs) out += of(input.info);
  if (secrecy.weights)
    for (const auto& weight : view.weights) out += 4 + weight.data.size();
  return out;
}

}  // namespace

base::Result<Cost> cost(const Program& program, const Secrecy& secrecy) {
  const auto view = public_view(program, secrecy);
  KOINON_CHECK(check_data(view, secrecy));
  KOINON_TRY(const auto circuit, sized_circuit(view, secrecy, true));
  Cost out;
  out.layout = choose_layout(circuit);
  out.rows = circuit.rows();
  out.table_entries = circuit.entries();
  out.forms = circuit.bilinears().size();
  out.bytes = estimated_bytes(out.layout) + other_bytes(view, secrecy, circuit);
  const std::uint64_t committed = out.layout.params.rows() * out.layout.columns();
  out.memory_bytes = committed * (8 + (std::uint64_t{8} << kRateLog) + 4 * 24) +
                     (std::uint64_t{1} << circuit.rows_log()) * 24 * 5 + circuit.values().size() * 64 +
                     circuit.cells(Home::weight) * 64;
  if (!secrecy.weights)  // the circuit keeps public weights as numbers
    for (const auto& weight : program.weights)
      out.memory_bytes += 8 * static_cast<std::uint64_t>(engine::tensor::element_count(weight.info.shape));
  // Measured by bench/proof: a cell is encoded, hashed and opened; a multiplication is pushed back through the circuit.
  out.cpu_seconds =
      1.1e-6 * static_cast<double>(committed) + 1e-8 * static_cast<double>(engine::program::operation_count(program));
  out.soundness_bits = soundness(out.layout, circuit).total_bits;
  return out;
}

base::Result<WeightCommitment> commit_weights(const Program& program, const Secrecy& secrecy, base::Random& random,
                                              base::ThreadPool* pool) {
  if (!secrecy.weights) return fail(Code::invalid_argument, "[proof] a commitment to weights that are public");
  if (!program.has_weights()) return fail(Code::invalid_argument, "[proof] the weights are absent from the program");
  const auto view = public_view(program, secrecy);
  KOINON_TRY(auto circuit, sized_circuit(view, secrecy, false));
  const auto layout = choose_layout(circuit);
  Var var = 0;  // weight variables come first, in the order of the program
  const auto hidden = hidden_weights(program);
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    if (!hidden[i]) continue;
    const auto& constant = program.weights[i];
    const engine::kernels::ConstArray array{constant.info.dtype, constant.data.data()};
    const auto count = engine::tensor::element_count(constant.info.shape);
    for (std::int64_t k = 0; k < count; ++k) circuit.set(var++, Fp::from(array.at(k)));
  }
  const Encoder encoder(layout.params.rows_log, kRateLog);
  return WeightCommitment{engine::program::program_id(program),
                          Oracle(OracleKind::weights, encoder, weight_messages(layout, circuit, random), random, pool), 0};
}

namespace {

base::Result<std::vector<IntTensor>> run_trace(const Program& program, std::span<const IntTensor> inputs,
                                               base::ThreadPool* pool, std::vector<IntTensor>& outputs) {
  std::vector<IntTensor> trace(inputs.begin(), inputs.end());
  engine::run::RunOptions options;
  options.pool = pool;
  options.trace = false;
  options.sink = [&](std::size_t, std::span<const IntTensor* const> made) {
    for (const auto* tensor : made) trace.push_back(*tensor);
  };
  KOINON_TRY(auto run, engine::run::execute(program, inputs, options));
  outputs = std::move(run.outputs);
  return trace;
}

/// Hands out one of a commitment's proofs.
base::Result<const Oracle*> take_weights(const Program& program, const ProveOptions& options, WeightCommitment& own,
                                         base::Random& random) {
  WeightCommitment* weights = options.weights;
  if (weights == nullptr) {
    KOINON_TRY(own, commit_weights(program, options.secrecy, random, options.pool));
    weights = &own;
  }
  if (weights->program_id != engine::program::program_id(program))
    return fail(Code::invalid_argument, "[prove] the weight commitment is another program's");
  if (weights->proofs >= kProofsPerCommitment)
    return fail(Code::exhausted, "[prove] the weight commitment has hidden {} proofs, as many as it can: commit anew",
                kProofsPerCommitment);
  ++weights->proofs;
  return &weights->oracle;
}

}  // namespace

base::Result<Proof> prove(const Program& program, std::span<const IntTensor> inputs, const ProveOptions& options,
                          base::Random& random) {
  if (!program.has_weights()) return fail(Code::invalid_argument, "[prove] the weights are absent from the program");
  Proof out;
  out.program_id = engine::program::program_id(program);
  out.secrecy = options.secrecy;
  KOINON_CHECK(options.watch.at("running the program"));
  KOINON_TRY(const auto trace, run_trace(program, inputs, options.pool, out.outputs));
  if (!options.secrecy.input) out.inputs.assign(inputs.begin(), inputs.end());
  const auto view = public_view(program, options.secrecy);
  const Witness witness{program, trace};
  KOINON_CHECK(options.watch.at("building the circuit"));
  KOINON_TRY(auto circuit, build_circuit({view, options.secrecy, out.inputs, out.outputs}, &witness));
  if (const auto broken = broken_constraint(circuit))
    return fail(Code::internal, "[prove] the run does not satisfy its own circuit: {}", *broken);
  const auto layout = choose_layout(circuit);
  WeightCommitment own;
  const Oracle* weights = nullptr;
  if (layout.weight_cells > 0) {
    KOINON_CHECK(options.watch.at("taking the weights"));
    KOINON_TRY(weights, take_weights(program, options, own, random));
    out.weight_root = weights->root();
  }
  if (options.secrecy.weights)
    for (const auto& constant : view.weights)
      if (!constant.data.empty()) out.revealed.push_back(constant.data);
  Transcript transcript(kProtocol);
  absorb_statement(transcript, out, layout);
  KOINON_TRY(out.argument, prove_circuit(layout, std::move(circuit), weights, random, transcript, options.pool, options.watch));
  return out;
}

base::Result<Program> view_of(const Program& program, const Proof& proof) {
  auto view = public_view(program, proof.secrecy);
  if (proof.secrecy.weights) {
    const auto hidden = hidden_weights(program);
    std::size_t next = 0;
    for (std::size_t i = 0; i < hidden.size(); ++i) {
      if (hidden[i]) continue;
      auto& constant = view.weights[i];
      if (next == proof.revealed.size()) return fail(Code::rejected, "[verify] the data of weight {} is absent", i);
      const auto size = static_cast<std::size_t>(engine::tensor::element_count(constant.info.shape)) *
                        engine::tensor::dtype_size(constant.info.dtype);
      const auto& data = proof.revealed[next++];
      if (data.size() != size || base::byte_tree_root(base::Domain::tensor, data) != constant.root)
        return fail(Code::rejected, "[verify] the revealed data of weight {} is not what the program's id commits to", i);
      constant.data = data;
    }
    if (next != proof.revealed.size()) return fail(Code::rejected, "[verify] more revealed weights than the program has");
  }
  KOINON_CHECK(check_data(view, proof.secrecy));
  return view;
}

base::Status verify(const Program& program, const Proof& proof) {
  const auto id = engine::program::program_id(program);
  if (id != proof.program_id)
    return fail(Code::rejected, "[verify] the proof is of program {}: {} expected", to_hex(proof.program_id), to_hex(id));
  if (!proof.secrecy.weights && !proof.revealed.empty())
    return fail(Code::rejected, "[verify] revealed weights of a public program");
  if (proof.secrecy.input && !proof.inputs.empty()) return fail(Code::rejected, "[verify] inputs beside a hidden input");
  KOINON_TRY(const auto view, view_of(program, proof));
  KOINON_TRY(const auto circuit, build_circuit({view, proof.secrecy, proof.inputs, proof.outputs}, nullptr));
  const auto layout = choose_layout(circuit);
  if (layout.weight_cells == 0 && !proof.weight_root.is_zero())
    return fail(Code::rejected, "[verify] a weight commitment where no weight is hidden");
  if (soundness(layout, circuit).total_bits < kSoundnessBits)
    return fail(Code::unsupported, "[verify] the program is too large for {} bits of soundness", kSoundnessBits);
  Transcript transcript(kProtocol);
  absorb_statement(transcript, proof, layout);
  return verify_circuit(layout, circuit, proof.weight_root, proof.argument, transcript);
}

}  // namespace koinon::trust::proof
