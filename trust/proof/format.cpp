// Bytes of a proof, little-endian; counts are u32, field elements eight bytes below p, elements of F three of them.
//
//   "koinonp" 1 | program id | u8 secrecy (1 weights, 2 input) | weight root
//   tensors inputs | tensors outputs            count, each: u8 type, u8 rank, i64 axes, data
//   revealed                                    count, each: u32 length, bytes
//   witness root | auxiliary root | sumcheck rows | count, sumchecks of forms
//   opening, in the order of OpeningProof
//   sumcheck: total | count, messages | two values | mask
//
//   "koinonr" 1 | program id | u8 secrecy | from root | to root | revealed | auxiliary root | opening
#include "base/codec.hpp"
#include "trust/proof/refresh.hpp"

namespace koinon::trust::proof {

using base::Code;
using base::fail;
using base::Reader;
using base::Result;
using base::Writer;
using engine::tensor::IntTensor;

namespace {

constexpr std::string_view kMagic{"koinonp\1", 8}, kRefreshMagic{"koinonr\1", 8};

class Encoding {
 public:
  void count(std::size_t n) { w.number(static_cast<std::uint32_t>(n)); }
  void put(Fp v) { w.number(v.v); }
  void put(const Ext& v) {
    for (const auto c : v.c) put(c);
  }
  void put(const base::Hash& h) { w.raw(h.view()); }
  void put(const std::array<Ext, 2>& pair) {
    put(pair[0]);
    put(pair[1]);
  }
  template <class T>
  void put(const std::vector<T>& list) {
    count(list.size());
    for (const auto& item : list) put(item);
  }
  void put(const IntTensor& tensor) {
    w.number(static_cast<std::uint8_t>(tensor.dtype));
    w.number(static_cast<std::uint8_t>(tensor.shape.size()));
    for (const auto axis : tensor.shape) w.number(axis);
    w.raw(tensor.bytes);
  }
  void put(const Secrecy& secrecy) { w.number(static_cast<std::uint8_t>((secrecy.weights ? 1 : 0) | (secrecy.input ? 2 : 0))); }
  void put(const base::Bytes& bytes) { w.blob(bytes); }
  void put(const SumcheckProof& proof) {
    put(proof.total);
    put(proof.messages);
    put(proof.values);
    put(proof.mask);
  }
  void put(const Row& row) {
    w.raw(row.salt);
    put(row.symbols);
  }
  void put(const OracleOpening& opening) {
    put(opening.rows);
    put(opening.siblings);
  }
  void put(const LayerOpening& opening) {
    put(opening.cosets);
    put(opening.siblings);
  }
  Writer w;
};

class Decoding {
 public:
  explicit Decoding(base::ByteView bytes) : r(bytes) {}

  base::Status get(Fp& out) {
    KOINON_TRY(const auto value, r.number<std::uint64_t>());
    if (value >= kPrime) return fail(Code::malformed, "[proof] field element {} is not below p", value);
    out = Fp(value);
    return {};
  }
  base::Status get(Ext& out) {
    for (auto& c : out.c) KOINON_CHECK(get(c));
    return {};
  }
  base::Status get(base::Hash& out) {
    KOINON_TRY(out, r.fixed_bytes<32>());
    return {};
  }
  base::Status get(std::array<Ext, 2>& out) {
    KOINON_CHECK(get(out[0]));
    return get(out[1]);
  }
  /// Every item takes at least `least` bytes, so a hostile count cannot ask for more memory than the input justifies.
  template <class T>
  base::Status list(std::vector<T>& out, std::size_t least) {
    KOINON_TRY(const auto n, r.number<std::uint32_t>());
    if (n > r.left() / least) return fail(Code::malformed, "[proof] a list of {} in {} bytes", n, r.left());
    out.resize(n);
    for (auto& item : out) KOINON_CHECK(get(item));
    return {};
  }
  base::Status get(std::vector<Fp>& out) { return list(out, 8); }
  base::Status get(std::vector<Ext>& out) { return list(out, 24); }
  base::Status get(IntTensor& out) {
    KOINON_TRY(const auto type, r.number<std::uint8_t>());
    KOINON_TRY(out.dtype, engine::tensor::dtype_from(type));
    KOINON_TRY(const auto rank, r.number<std::uint8_t>());
    if (rank > engine::tensor::kMaxRank) return fail(Code::malformed, "[proof] a tensor of {} axes", rank);
    out.shape.resize(rank);
    for (auto& axis : out.shape) {
      KOINON_TRY(axis, r.number<std::int64_t>());
    }
    KOINON_CHECK(engine::tensor::check_shape(out.shape));
    const auto size =
        static_cast<std::size_t>(engine::tensor::element_count(out.shape)) * engine::tensor::dtype_size(out.dtype);
    KOINON_TRY(const auto data, r.raw(size));
    out.bytes.assign(data.begin(), data.end());
    return {};
  }
  base::Status get(base::Bytes& out) {
    KOINON_TRY(const auto data, r.blob(r.left()));
    out.assign(data.begin(), data.end());
    return {};
  }
  base::Status get(Secrecy& out) {
    KOINON_TRY(const auto secrecy, r.number<std::uint8_t>());
    if (secrecy > 3) return fail(Code::malformed, "[proof] secrecy {}: at most 3", secrecy);
    out = {(secrecy & 1) != 0, (secrecy & 2) != 0};
    return {};
  }
  base::Status get(SumcheckProof& out) {
    KOINON_CHECK(get(out.total));
    KOINON_CHECK(get(out.messages));
    KOINON_CHECK(get(out.values));
    return get(out.mask);
  }
  base::Status get(Row& out) {
    KOINON_TRY(const auto salt, r.raw(kSaltSize));
    std::copy(salt.begin(), salt.end(), out.salt.begin());
    return get(out.symbols);
  }
  base::Status get(OracleOpening& out) {
    KOINON_CHECK(list(out.rows, kSaltSize + 4));
    return list(out.siblings, 32);
  }
  base::Status get(LayerOpening& out) {
    KOINON_CHECK(list(out.cosets, 4));
    return list(out.siblings, 32);
  }
  Reader r;
};

/// An opening up to its nonce.
void put_messages(Encoding& to, const OpeningProof& p) {
  to.put(p.mask_sum);
  to.put(p.product_rounds);
  to.put(p.columns);
  to.put(p.layer_roots);
  to.put(p.fold_rounds);
  to.put(p.last);
  to.w.number(p.nonce);
}

void put_opening(Encoding& to, const OpeningProof& p) {
  put_messages(to, p);
  to.put(p.oracles);
  to.put(p.layers);
}

/// An argument up to its opening.
void put_sumchecks(Encoding& to, const Argument& argument) {
  to.put(argument.witness_root);
  to.put(argument.auxiliary_root);
  to.put(argument.rows);
  to.put(argument.forms);
}

void put_argument(Encoding& to, const Argument& argument) {
  put_sumchecks(to, argument);
  put_opening(to, argument.opening);
}

base::Status get_opening(Decoding& from, OpeningProof& p) {
  KOINON_CHECK(from.get(p.mask_sum));
  KOINON_CHECK(from.list(p.product_rounds, 48));
  KOINON_CHECK(from.get(p.columns));
  KOINON_CHECK(from.list(p.layer_roots, 32));
  KOINON_CHECK(from.list(p.fold_rounds, 48));
  KOINON_CHECK(from.get(p.last));
  KOINON_TRY(p.nonce, from.r.number<std::uint64_t>());
  KOINON_CHECK(from.list(p.oracles, 8));
  return from.list(p.layers, 8);
}

}  // namespace

base::Bytes encode_proof(const Proof& proof) {
  Encoding to;
  to.w.raw(base::as_bytes(kMagic));
  to.put(proof.program_id);
  to.put(proof.secrecy);
  to.put(proof.weight_root);
  to.put(proof.inputs);
  to.put(proof.outputs);
  to.put(proof.revealed);
  put_argument(to, proof.argument);
  return std::move(to.w).take();
}

base::Bytes encode_argument(const Argument& argument) {
  Encoding to;
  put_argument(to, argument);
  return std::move(to.w).take();
}

base::Bytes encode_messages(const Argument& argument) {
  Encoding to;
  put_sumchecks(to, argument);
  put_messages(to, argument.opening);
  return std::move(to.w).take();
}

base::Bytes encode_queries(const std::vector<OracleOpening>& oracles, const std::vector<LayerOpening>& layers) {
  Encoding to;
  to.put(oracles);
  to.put(layers);
  return std::move(to.w).take();
}

Result<Proof> decode_proof(base::ByteView bytes) {
  Decoding from(bytes);
  KOINON_TRY(const auto magic, from.r.raw(kMagic.size()));
  if (base::as_text(magic) != kMagic) return fail(Code::malformed, "[proof] these bytes are no proof of this version");
  Proof out;
  KOINON_CHECK(from.get(out.program_id));
  KOINON_CHECK(from.get(out.secrecy));
  KOINON_CHECK(from.get(out.weight_root));
  KOINON_CHECK(from.list(out.inputs, 3));
  KOINON_CHECK(from.list(out.outputs, 3));
  KOINON_CHECK(from.list(out.revealed, 4));
  KOINON_CHECK(from.get(out.argument.witness_root));
  KOINON_CHECK(from.get(out.argument.auxiliary_root));
  KOINON_CHECK(from.get(out.argument.rows));
  KOINON_CHECK(from.list(out.argument.forms, 100));
  KOINON_CHECK(get_opening(from, out.argument.opening));
  KOINON_CHECK(from.r.finish());
  return out;
}

base::Bytes encode_refresh(const RefreshProof& proof) {
  Encoding to;
  to.w.raw(base::as_bytes(kRefreshMagic));
  to.put(proof.program_id);
  to.put(proof.secrecy);
  to.put(proof.from);
  to.put(proof.to);
  to.put(proof.revealed);
  to.put(proof.auxiliary_root);
  put_opening(to, proof.opening);
  return std::move(to.w).take();
}

Result<RefreshProof> decode_refresh(base::ByteView bytes) {
  Decoding from(bytes);
  KOINON_TRY(const auto magic, from.r.raw(kRefreshMagic.size()));
  if (base::as_text(magic) != kRefreshMagic)
    return fail(Code::malformed, "[proof] these bytes are no refresh of a weight commitment of this version");
  RefreshProof out;
  KOINON_CHECK(from.get(out.program_id));
  KOINON_CHECK(from.get(out.secrecy));
  KOINON_CHECK(from.get(out.from));
  KOINON_CHECK(from.get(out.to));
  KOINON_CHECK(from.list(out.revealed, 4));
  KOINON_CHECK(from.get(out.auxiliary_root));
  KOINON_CHECK(get_opening(from, out.opening));
  KOINON_CHECK(from.r.finish());
  return out;
}

}  // namespace koinon::trust::proof
