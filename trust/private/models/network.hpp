#pragma once
#include <functional>
#include <map>
#include <span>

#include "trust/private/evaluate.hpp"
#include "trust/private/models/linear.hpp"

namespace koinon::trust::fhe {

/// A linear layer and a table of its own for every sum.
struct TableLayer {
  LinearLayer linear;
  std::vector<std::int64_t> low;                  ///< [outputs]: the least sum of each row
  std::vector<std::vector<std::int32_t>> tables;  ///< [outputs][sum - low]: all sums that can occur
};

/// Integers through layers of tables and a linear layer at the end: for one layer of tables y = W2 table(W1 x + b1) + b2.
/// Perceptrons, decision trees and forests (features as thermometers, a leaf's table counts its comparisons), convolutions
/// followed by a classifier.
struct TableNetwork {
  LinearLayer first;
  std::vector<std::int64_t> low;                  ///< [hidden]: the least sum of each row of first
  std::vector<std::vector<std::int32_t>> tables;  ///< [hidden][sum - low]: all sums that can occur
  std::vector<TableLayer> inner;                  ///< further layers of tables, each over the values of those before
  LinearLayer second;                             ///< the last, over the values of the last tables: no tables follow
};

/// Least and largest value of each table, and with it of what the next layer takes.
std::vector<std::pair<std::int64_t, std::int64_t>> table_ranges(const std::vector<std::vector<std::int32_t>>& tables);
/// Least and largest sum of a row whose inputs lie in `ranges`.
std::pair<std::int64_t, std::int64_t> row_range(const LinearLayer& layer, std::size_t row,
                                                const std::vector<std::pair<std::int64_t, std::int64_t>>& ranges);

/// Sizes of one layer of tables.
struct TableSizes {
  std::size_t hidden = 0;  ///< sums
  std::size_t domain = 2;  ///< points of each table, a power of two
  std::size_t terms = 2;   ///< coefficients a block, a power of two that divides domain
  [[nodiscard]] std::size_t used_blocks() const { return domain / terms; }
  friend bool operator==(const TableSizes&, const TableSizes&) = default;
};

/// How a table network runs under encryption: public, the same for buyer and provider.
///
/// Slots are columns s mod (width * batch) and blocks s / (width * batch). Column j * batch + i is hidden neuron j of image i.
/// Input ciphertext c holds x[(block mod spread) * chunks + c] of image i in all columns of i, so that products with weights,
/// summed over ciphertexts and then over `spread` blocks by rotations, leave every sum in every block. A table is the
/// polynomial through its values at 0 .. domain-1; its coefficients are cut into `terms` for each block: f = sum over blocks b
/// of x^(terms b) g_b(x). All g_b are evaluated at once (Paterson and Stockmeyer, SIAM J. Comput. 2, 1973), and x^(terms b) is
/// a product of squarings under masks. Between two layers of tables, rotations sum the blocks, so that every block holds all
/// values, and the matrix is applied by its diagonals (Halevi and Shoup, CRYPTO 2014, section 4.3), baby and giant steps by one
/// key each. An output is a weighted sum over all slots: a coefficient of one plaintext product, without rotations.
struct NetworkPlan {
  Parameters parameters;
  std::size_t inputs = 0, outputs = 0;
  std::vector<TableSizes> layers;  ///< of tables: at least one
  std::size_t batch = 1;           ///< images at once: a power of two
  std::size_t parts = 1;           ///< digits of the last layer's weights, `part_bits` each, put together by the buyer
  int part_bits = 0;
  int slack = 0;                   ///< bits of capacity that a switch of modulus may waste
  std::size_t work_level = 1;      ///< that outputs are computed at
  std::size_t result_level = 1;    ///< of concealed results
  std::int64_t low = 0, high = 0;  ///< range of inputs

  [[nodiscard]] std::size_t width() const;  ///< the widest layer, rounded up to a power of two
  [[nodiscard]] std::size_t columns() const { return width() * batch; }
  [[nodiscard]] std::size_t slots() const { return fhe::slots(parameters); }
  [[nodiscard]] std::size_t blocks() const { return slots() / columns(); }
  [[nodiscard]] std::size_t spread() const;                                                ///< blocks that inputs lie over
  [[nodiscard]] std::size_t chunks() const { return (inputs + spread() - 1) / spread(); }  ///< input ciphertexts
  [[nodiscard]] std::size_t babies() const;                              ///< diagonals between two giant steps
  [[nodiscard]] std::size_t results() const { return outputs * parts; }  ///< result ciphertexts
  friend bool operator==(const NetworkPlan&, const NetworkPlan&) = default;
};

/// What a plan costs, from a dry run of the evaluation itself.
struct NetworkCost {
  std::size_t products = 0;                         ///< of ciphertexts
  std::size_t switches = 0;                         ///< relinearisations and rotations
  std::size_t plain_products = 0;                   ///< of a ciphertext and a plaintext
  std::uint64_t transforms = 0;                     ///< of one limb
  std::size_t key_level = 0;                        ///< of the relinearisation key; 0: none
  std::map<std::int64_t, std::size_t> rotations;    ///< steps, and the level of the key of each
  std::size_t swap_level = 0;                       ///< of the key that swaps rows; 0: none
  std::uint64_t key_bytes = 0;                      ///< evaluation keys as they travel
  std::uint64_t input_bytes = 0, result_bytes = 0;  ///< ciphertexts as they travel
  std::uint64_t memory_bytes = 0;                   ///< of the provider, at most
  double seconds = 0;                               ///< of the provider on one core of 2020: an estimate from `transforms`
};

/// Plaintexts of a network have a canonical norm of at most 2^25: a polynomial of random coefficients stays below but with
/// probability 2^-100, and packing refuses weights that do not.
inline constexpr Bits kNetworkNorm{25 * Bits::kUnit};

/// The largest batch is that which fits the degree; `batch` is a power of two. Errors: invalid_argument on sizes that do not
/// fit; out_of_range when sums leave 16 bits (says which row); unsupported when no degree holds the depth, with what would
/// help.
base::Result<NetworkPlan> plan_network(const TableNetwork& network, std::size_t batch = 1);
/// Dry-runs a plan. Error: exhausted when noise would not fit.
base::Result<NetworkCost> cost_of(const NetworkPlan& plan);

/// Canonical bytes: "KNNT", u16 version (2), blob of parameters, u32 each of inputs, outputs, batch, parts, u8 count of table
/// layers and u32 each of hidden, domain, terms, u8 each of part bits, slack, work level, result level, i64 low, high.
base::Bytes encode(const NetworkPlan& plan);
/// Decodes a plan that nobody vouches for. Errors: malformed, unsupported, exhausted.
base::Result<NetworkPlan> decode_network_plan(base::ByteView bytes);

/// The provider's side: plaintexts in slots of a plan.
struct NetworkModel {
  NetworkPlan plan;
  std::vector<Plain> weights;       ///< [chunk]
  std::vector<Plain> bias;          ///< [layer]: offsets less the least sums
  std::vector<Plain> coefficients;  ///< those of each layer's terms, one layer after the other
  std::vector<Plain> diagonals;     ///< `width` of every layer but the first, one layer after the other
  std::vector<Plain> masks;         ///< [2 * bit]: blocks with that bit; [2 * bit + 1]: those without
  std::vector<Plain> results;       ///< [output * parts + part]
  std::vector<Plain> offsets;       ///< as many
};

/// Interpolates the tables and packs everything. Errors: invalid_argument when network and plan differ; unsupported for a
/// plaintext beyond kNetworkNorm.
base::Result<NetworkModel> pack_network(const Context& context, const NetworkPlan& plan, const TableNetwork& network);

/// Buyer: all evaluation keys that the plan needs.
base::Result<EvaluationKeys> make_network_keys(const Context& context, const NetworkPlan& plan, const SecretKey& key,
                                               base::Random& random, base::ThreadPool* pool = nullptr);
/// Buyer: encrypts [images, inputs] integers, 1 to `batch` images; the rest are zero. Errors: invalid_argument on another size,
/// out_of_range on an element outside [low, high].
base::Result<std::vector<Ciphertext>> encrypt_inputs(const Context& context, const NetworkPlan& plan, const SecretKey& key,
                                                     std::span<const std::int64_t> x, base::Random& random);
/// Told after each step of an evaluation.
using NetworkProgress = std::function<void(std::size_t done, std::size_t total)>;
/// Told every relinearised and every rotated ciphertext, in order: a trace of the evaluation, the same on every machine. An
/// error ends the evaluation with it.
using NetworkWatch = std::function<base::Status(const Ciphertext& value)>;
/// Provider: one ciphertext an output and digit. Deterministic: what claims bind and quorums compare. Errors: invalid_argument
/// on other inputs, not_found on missing keys.
base::Result<std::vector<Ciphertext>> evaluate_network(const Context& context, const NetworkModel& model,
                                                       const EvaluationKeys& keys, std::span<const Ciphertext> inputs,
                                                       base::ThreadPool* pool = nullptr, const NetworkProgress& progress = {},
                                                       const NetworkWatch& watch = {});
/// Provider, before results leave: hides whatever is no output, floods the error, switches to the smallest modulus; as conceal
/// of linear plans.
base::Result<std::vector<Ciphertext>> conceal(const Context& context, const NetworkPlan& plan, const PublicKey& key,
                                              std::span<const Ciphertext> results, const base::Hash& seed);
/// Buyer: [images, outputs].
base::Result<std::vector<std::int64_t>> decrypt_outputs(const Context& context, const NetworkPlan& plan, const SecretKey& key,
                                                        std::span<const Ciphertext> results, std::size_t images = 1);

}  // namespace koinon::trust::fhe
