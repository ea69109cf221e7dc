#include "work/encrypted/buyer_keys.hpp"

#include "base/codec.hpp"
#include "trust/private/serial.hpp"
#include "work/inference/inference.hpp"

namespace koinon::work {
namespace {

using base::Code;
using base::fail;
using base::Result;
using trust::fhe::Context;

constexpr std::string_view kMagic = "KNEB";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kMaxBundle = 128 << 20;
constexpr std::size_t kMaxSecret = 1 << 20;

}  // namespace

Result<BuyerKeys::Made> BuyerKeys::make(base::ByteView program, base::Random& random, base::ThreadPool* pool,
                                        std::uint64_t memory_limit) {
  KOINON_TRY(const auto decoded, engine::program::decode(program));
  if (!decoded.has_weights())
    return fail(Code::invalid_argument, "[encrypted] a program without weights: nobody could run it on ciphertexts");
  KOINON_TRY(auto compiled, trust::fhe::compile(decoded));
  KOINON_TRY(const auto needed, trust::fhe::memory_of(compiled.bundle));
  if (needed > memory_limit)
    return fail(Code::out_of_range,
                "[encrypted] a run takes {} MB: providers give at most {}; fewer bits of weights or activations help (model "
                "build --activations 4), or fewer layers",
                needed >> 20, memory_limit >> 20);
  KOINON_TRY(auto context, Context::create(compiled.bundle.parameters()));
  auto secret = trust::fhe::make_secret_key(*context, random);
  KOINON_TRY(const auto keys, trust::fhe::make_keys(*context, compiled.bundle, secret, random, pool));
  EncryptedSpec spec{{program.begin(), program.end()}, trust::fhe::encode(*context, keys)};
  const auto id = EncryptedSpec::id(engine::program::program_id(decoded), spec.keys);
  return Made{BuyerKeys(std::move(compiled.bundle), std::move(context), std::move(secret)), std::move(spec), id};
}

base::Bytes BuyerKeys::encode() const {
  base::Writer out;
  out.raw(base::as_bytes(kMagic));
  out.number(kVersion);
  out.blob(trust::fhe::encode(bundle_));
  auto secret = trust::fhe::encode(*context_, secret_);
  out.blob(secret);
  base::wipe(secret);
  return std::move(out).take();
}

Result<BuyerKeys> BuyerKeys::decode(base::ByteView bytes) {
  base::Reader in(bytes);
  KOINON_TRY(const auto magic, in.raw(kMagic.size()));
  if (base::as_text(magic) != kMagic) return fail(Code::malformed, "[encrypted] the bytes do not start with {}", kMagic);
  KOINON_TRY(const auto version, in.number<std::uint16_t>());
  if (version != kVersion) return fail(Code::unsupported, "[encrypted] version {}: {} expected", version, kVersion);
  KOINON_TRY(const auto described, in.blob(kMaxBundle));
  KOINON_TRY(auto bundle, trust::fhe::decode_bundle(described));
  KOINON_TRY(auto context, Context::create(bundle.parameters()));
  KOINON_TRY(const auto packed, in.blob(kMaxSecret));
  KOINON_TRY(auto secret, trust::fhe::decode_secret_key(*context, packed));
  KOINON_CHECK(in.finish());
  return BuyerKeys(std::move(bundle), std::move(context), std::move(secret));
}

Result<base::Bytes> BuyerKeys::encrypt(const std::vector<base::Bytes>& inputs, base::Random& random) const {
  KOINON_TRY(const auto tensors, input_tensors(bundle_.description, inputs));
  std::vector<std::int64_t> x;
  for (std::int64_t i = 0; i < tensors[0].size(); ++i) x.push_back(tensors[0].at(i));
  auto ciphers = trust::fhe::encrypt_inputs(*context_, bundle_, secret_, x, random);
  base::wipe({reinterpret_cast<std::uint8_t*>(x.data()), x.size() * sizeof(std::int64_t)});
  if (!ciphers) return fail(std::move(ciphers).error());
  return trust::fhe::encode(*context_, *ciphers);
}

Result<std::vector<base::Bytes>> BuyerKeys::decrypt(const std::vector<base::Bytes>& outputs) const {
  if (outputs.size() != 1)
    return fail(Code::malformed, "[encrypted] {} outputs: one list of ciphertexts expected", outputs.size());
  KOINON_TRY(const auto results, trust::fhe::decode_ciphertexts(*context_, outputs[0], trust::fhe::result_count(bundle_)));
  KOINON_TRY(auto tensors, trust::fhe::decrypt_results(*context_, bundle_, secret_, results));
  std::vector<base::Bytes> out;
  for (auto& tensor : tensors) out.push_back(std::move(tensor.bytes));
  return out;
}

}  // namespace koinon::work
