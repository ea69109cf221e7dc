#include "trust/private/models/conceal.hpp"

#include "base/codec.hpp"
#include "base/hash.hpp"
#include "trust/private/models/linear.hpp"

namespace koinon::trust::fhe {

base::Hash derived(const base::Hash& seed, std::string_view use, std::size_t number) {
  base::Writer out;
  out.raw(seed.view());
  out.text(use);
  out.number(static_cast<std::uint64_t>(number));
  return base::sha256(out.bytes());
}

Plain uniform_plain(const Context& context, const base::Hash& seed) {
  Stream stream(seed, Use::flood);
  std::vector<double> uniform(context.degree());
  sample_uniform(stream, uniform, Modulus(context.plain()));
  Plain out{std::vector<std::int32_t>(context.degree())};
  const auto half = static_cast<std::int32_t>(context.plain() / 2);
  for (std::size_t i = 0; i < uniform.size(); ++i) out.coefficients[i] = static_cast<std::int32_t>(uniform[i]) - half;
  return out;
}

base::Result<Ciphertext> concealed(const Context& context, const PublicKey& key, const Ciphertext& result, const Plain& mask,
                                   const base::Hash& seed, std::size_t number, std::size_t level) {
  const Evaluator evaluator(context);
  KOINON_TRY(const auto masked, evaluator.add_plain(result, mask));
  KOINON_TRY(auto out, flood(context, key, masked, derived(seed, "flood", number), kFloodBits));
  while (out.level > level) {
    KOINON_TRY(auto smaller, evaluator.switch_modulus(out));
    out = std::move(smaller);
  }
  return out;
}

}  // namespace koinon::trust::fhe
