// The proofs as abi.encode(struct) writes them. A struct without fixed size stands behind the word 0x20.
#include "base/hash.hpp"
#include "trust/optimistic/abi_words.hpp"
#include "trust/optimistic/evidence.hpp"

namespace koinon::trust::optimistic {
namespace {

using base::Code;
using base::fail;
using base::Hash;
using base::Result;

constexpr std::size_t kPartsWords = 8;

AbiWriter write(const ProgramParts& p) {
  AbiWriter out;
  out.number(p.version);
  for (const auto& hash : {p.io, p.steps, p.weights, p.tables}) out.hash(hash);
  for (const auto count : {p.step_count, p.weight_count, p.table_count}) out.number(count);
  return out;
}

AbiWriter write(const Run& r) {
  AbiWriter out;
  out.number(r.first);
  out.bytes(r.data);
  out.hashes(r.siblings);
  return out;
}

AbiWriter write(const Part& p);

template <class T>
std::vector<AbiWriter> write_all(const std::vector<T>& all);

AbiWriter write(const Opened& o) {
  AbiWriter out;
  out.hash(o.root);
  out.hashes(o.list);
  out.tuples(write_all(o.runs));
  return out;
}

template <class T>
std::vector<AbiWriter> write_all(const std::vector<T>& all) {
  std::vector<AbiWriter> out;
  for (const auto& one : all) out.push_back(write(one));
  return out;
}

AbiWriter write(const Item& item) {
  AbiWriter out;
  out.number(item.count);
  out.number(item.index);
  out.hash(item.root);
  out.hashes(item.siblings);
  return out;
}

AbiWriter write(const StepOpening& step) {
  AbiWriter out;
  out.inlined(write(step.program));
  out.number(step.number);
  out.bytes(step.data);
  out.hashes(step.siblings);
  return out;
}

AbiWriter write(const Part& p) {
  AbiWriter out;
  out.number(p.step);
  out.bytes(p.step_bytes);
  out.hashes(p.step_siblings);
  out.tuples(write_all(p.opened));
  return out;
}

AbiWriter write(const ElementProof& p) {
  AbiWriter out;
  out.inlined(write(p.program));
  for (const auto number : {p.value_count, std::uint64_t{p.output}, p.index}) out.number(number);
  out.numbers(p.hints);
  out.tuples(write_all(p.parts));
  return out;
}

AbiWriter write_two(const ProgramParts& program, base::ByteView io, const Item& left, const Item& right) {
  AbiWriter out;
  out.inlined(write(program));
  out.bytes(io);
  out.tuple(write(left));
  out.tuple(write(right));
  return out;
}
AbiWriter write(const InputProof& p) { return write_two(p.program, p.io, p.given, p.traced); }
AbiWriter write(const OutputProof& p) { return write_two(p.program, p.io, p.claimed, p.traced); }

AbiWriter write(const CountProof& p) {
  AbiWriter out;
  out.tuple(write(p.last));
  out.number(p.count);
  out.hash(p.top);
  return out;
}

AbiWriter write(const LengthProof& p) {
  AbiWriter out;
  out.tuple(write(p.step));
  out.number(p.output);
  out.tuple(write(p.traced));
  out.number(p.size);
  out.hash(p.top);
  return out;
}

template <class Proof>
AbiWriter write_count(const Proof& p) {
  AbiWriter out;
  out.inlined(write(p.program));
  out.bytes(p.io);
  out.number(p.count);
  out.hash(p.top);
  return out;
}
AbiWriter write(const OutputsProof& p) { return write_count(p); }
AbiWriter write(const InputsProof& p) { return write_count(p); }

AbiWriter write(const InputLengthProof& p) {
  AbiWriter out;
  out.inlined(write(p.program));
  out.bytes(p.io);
  out.tuple(write(p.given));
  out.number(p.size);
  out.hash(p.top);
  return out;
}

AbiWriter write(const RangeProof& p) {
  AbiWriter out;
  out.inlined(write(p.program));
  out.bytes(p.io);
  for (const auto number : {p.value_count, p.input, p.index}) out.number(number);
  out.tuple(write(p.opened));
  return out;
}

AbiWriter write(const PaddingProof& p) {
  AbiWriter out;
  out.tuple(write(p.traced));
  out.number(p.size);
  out.number(p.index);
  out.bytes(p.data);
  out.hashes(p.siblings);
  return out;
}

AbiWriter write(const AbsentProof& p) {
  AbiWriter out;
  for (const auto number : {std::uint64_t{p.tree}, p.count, p.index}) out.number(number);
  out.hash(p.leaf);
  out.hashes(p.siblings);
  return out;
}

AbiWriter write(const InnerProof& p) {
  AbiWriter out;
  out.tuple(write(p.step));
  out.number(p.output);
  out.tuple(write(p.traced));
  return out;
}

Result<ProgramParts> read_parts(AbiReader& in) {
  ProgramParts p;
  KOINON_TRY(p.version, in.number());
  for (auto* hash : {&p.io, &p.steps, &p.weights, &p.tables}) {
    KOINON_TRY(*hash, in.hash());
  }
  for (auto* count : {&p.step_count, &p.weight_count, &p.table_count}) {
    KOINON_TRY(*count, in.number());
  }
  return p;
}

Result<Run> read_run(AbiReader& in) {
  Run r;
  KOINON_TRY(r.first, in.number());
  KOINON_TRY(r.data, in.bytes());
  KOINON_TRY(r.siblings, in.hashes());
  return r;
}

Result<Opened> read_opened(AbiReader& in) {
  Opened o;
  KOINON_TRY(o.root, in.hash());
  KOINON_TRY(o.list, in.hashes());
  KOINON_CHECK(in.tuples(3, o.runs, read_run));
  return o;
}

Result<Item> read_item(AbiReader& in) {
  Item item;
  KOINON_TRY(item.count, in.number());
  KOINON_TRY(item.index, in.number());
  KOINON_TRY(item.root, in.hash());
  KOINON_TRY(item.siblings, in.hashes());
  return item;
}

Result<StepOpening> read_step(AbiReader& in) {
  StepOpening step;
  KOINON_TRY(step.program, read_parts(in));
  KOINON_TRY(step.number, in.number());
  KOINON_TRY(step.data, in.bytes());
  KOINON_TRY(step.siblings, in.hashes());
  return step;
}

Result<Part> read_part(AbiReader& in) {
  Part p;
  KOINON_TRY(p.step, in.number());
  KOINON_TRY(p.step_bytes, in.bytes());
  KOINON_TRY(p.step_siblings, in.hashes());
  KOINON_CHECK(in.tuples(3, p.opened, read_opened));
  return p;
}

Result<Fraud> read_element(AbiReader& in) {
  ElementProof p;
  KOINON_TRY(p.program, read_parts(in));
  KOINON_TRY(p.value_count, in.number());
  KOINON_TRY(const auto output, in.number(UINT8_MAX));
  p.output = static_cast<std::uint8_t>(output);
  KOINON_TRY(p.index, in.number());
  KOINON_TRY(p.hints, in.numbers());
  KOINON_CHECK(in.tuples(4, p.parts, read_part));
  return Fraud{std::move(p)};
}

template <class Proof, Item Proof::* left>
Result<Fraud> read_two(AbiReader& in) {
  Proof p;
  KOINON_TRY(p.program, read_parts(in));
  KOINON_TRY(p.io, in.bytes());
  KOINON_TRY(p.*left, in.tuple(4, read_item));
  KOINON_TRY(p.traced, in.tuple(4, read_item));
  return Fraud{std::move(p)};
}

Result<Fraud> read_count(AbiReader& in) {
  CountProof p;
  KOINON_TRY(p.last, in.tuple(kPartsWords + 3, read_step));
  KOINON_TRY(p.count, in.number());
  KOINON_TRY(p.top, in.hash());
  return Fraud{std::move(p)};
}

Result<Fraud> read_length(AbiReader& in) {
  LengthProof p;
  KOINON_TRY(p.step, in.tuple(kPartsWords + 3, read_step));
  KOINON_TRY(const auto output, in.number(UINT8_MAX));
  p.output = static_cast<std::uint8_t>(output);
  KOINON_TRY(p.traced, in.tuple(4, read_item));
  KOINON_TRY(p.size, in.number());
  KOINON_TRY(p.top, in.hash());
  return Fraud{std::move(p)};
}

template <class Proof>
Result<Fraud> read_count_of(AbiReader& in) {
  Proof p;
  KOINON_TRY(p.program, read_parts(in));
  KOINON_TRY(p.io, in.bytes());
  KOINON_TRY(p.count, in.number());
  KOINON_TRY(p.top, in.hash());
  return Fraud{std::move(p)};
}

Result<Fraud> read_input_length(AbiReader& in) {
  InputLengthProof p;
  KOINON_TRY(p.program, read_parts(in));
  KOINON_TRY(p.io, in.bytes());
  KOINON_TRY(p.given, in.tuple(4, read_item));
  KOINON_TRY(p.size, in.number());
  KOINON_TRY(p.top, in.hash());
  return Fraud{std::move(p)};
}

Result<Fraud> read_range(AbiReader& in) {
  RangeProof p;
  KOINON_TRY(p.program, read_parts(in));
  KOINON_TRY(p.io, in.bytes());
  for (auto* number : {&p.value_count, &p.input, &p.index}) {
    KOINON_TRY(*number, in.number());
  }
  KOINON_TRY(p.opened, in.tuple(3, read_opened));
  return Fraud{std::move(p)};
}

Result<Fraud> read_padding(AbiReader& in) {
  PaddingProof p;
  KOINON_TRY(p.traced, in.tuple(4, read_item));
  KOINON_TRY(p.size, in.number());
  KOINON_TRY(p.index, in.number());
  KOINON_TRY(p.data, in.bytes());
  KOINON_TRY(p.siblings, in.hashes());
  return Fraud{std::move(p)};
}

Result<Fraud> read_absent(AbiReader& in) {
  AbsentProof p;
  KOINON_TRY(const auto tree, in.number(UINT8_MAX));
  p.tree = static_cast<std::uint8_t>(tree);
  KOINON_TRY(p.count, in.number());
  KOINON_TRY(p.index, in.number());
  KOINON_TRY(p.leaf, in.hash());
  KOINON_TRY(p.siblings, in.hashes());
  return Fraud{std::move(p)};
}

Result<Fraud> read_inner(AbiReader& in) {
  InnerProof p;
  KOINON_TRY(p.step, in.tuple(kPartsWords + 3, read_step));
  KOINON_TRY(const auto output, in.number(UINT8_MAX));
  p.output = static_cast<std::uint8_t>(output);
  KOINON_TRY(p.traced, in.tuple(4, read_item));
  return Fraud{std::move(p)};
}

Result<Fraud> read_kind(std::size_t kind, AbiReader& in) {
  switch (kind) {
    case 0: return in.tuple(kPartsWords + 5, read_element);
    case 1: return in.tuple(kPartsWords + 3, read_two<InputProof, &InputProof::given>);
    case 2: return in.tuple(kPartsWords + 3, read_two<OutputProof, &OutputProof::claimed>);
    case 3: return in.tuple(3, read_count);
    case 4: return in.tuple(5, read_length);
    case 5: return in.tuple(kPartsWords + 3, read_count_of<OutputsProof>);
    case 6: return in.tuple(kPartsWords + 5, read_range);
    case 7: return in.tuple(5, read_padding);
    case 8: return in.tuple(5, read_absent);
    case 9: return in.tuple(3, read_inner);
    case 10: return in.tuple(kPartsWords + 3, read_count_of<InputsProof>);
    case 11: return in.tuple(kPartsWords + 4, read_input_length);
    default: return fail(Code::malformed, "[fraud] proof of kind {}", kind);
  }
}

}  // namespace

Hash ProgramParts::id() const {
  const auto number = base::be64(version);
  return base::keccak256({number, io.view(), steps.view(), weights.view(), tables.view()});
}

base::Bytes encode(const Fraud& fraud) {
  AbiWriter out;
  out.tuple(std::visit([](const auto& proof) { return write(proof); }, fraud));
  return out.take();
}

Result<Fraud> decode_fraud(std::size_t kind, base::ByteView bytes) {
  KOINON_TRY(auto in, AbiReader::open(bytes, 1));
  KOINON_TRY(auto fraud, read_kind(kind, in));
  KOINON_CHECK(in.finish());
  return fraud;
}

}  // namespace koinon::trust::optimistic
