#pragma once
#include <map>
#include <mutex>
#include <optional>

#include "base/cid.hpp"
#include "work/encrypted/buyer_keys.hpp"

namespace koinon::node {
class Node;
}

namespace koinon::node::api {

/// What this node needs to buy runs on encrypted inputs and to read their results: one pair of keys for each program, made when
/// it is first ordered. DATA/encrypted/SPEC.keys holds them, sealed to the operator's box key; the evaluation keys travel with
/// the program as one artifact, once for each provider. Thread-safe.
class EncryptedOrders {
 public:
  explicit EncryptedOrders(Node& node) : node_(node) {}

  /// What an order of encrypted inference names, and its input.
  struct Prepared {
    base::Hash spec;
    base::ArtifactRef artifact;
    std::vector<base::Bytes> inputs;
  };
  /// Encrypts canonical inputs of a program that the node holds; makes keys when there are none. Errors: unsupported, naming
  /// the step that cannot run encrypted and what would help; out_of_range; those of the store.
  base::Result<Prepared> prepare(const base::Hash& program, const std::vector<base::Bytes>& inputs);
  /// What a run of a program that the node holds takes under encryption; planned once, which may take seconds. Errors as
  /// prepare, exhausted when it takes more memory than the market's providers give.
  base::Result<trust::fhe::RunCost> cost(const base::Hash& program);
  /// The program of a spec that this node has keys for.
  [[nodiscard]] std::optional<base::Hash> program_of(const base::Hash& spec) const;
  /// Canonical outputs of the program, from the output parts of an order. Errors: not_found (no keys of that spec), those of
  /// decryption.
  base::Result<std::vector<base::Bytes>> decrypt(const base::Hash& spec, const std::vector<base::Bytes>& outputs);

 private:
  struct Note {
    base::Hash spec;
    base::ArtifactRef artifact;
  };
  base::Result<Note> ready(const base::Hash& program);
  base::Result<Note> make(const base::Hash& program);
  [[nodiscard]] base::Result<work::BuyerKeys> keys_of(const base::Hash& spec) const;

  Node& node_;
  std::mutex mutex_;                                               ///< keys of a program are made once
  std::mutex cost_mutex_;                                          ///< one plan at a time
  std::map<base::Hash, base::Result<trust::fhe::RunCost>> costs_;  ///< those planned last; guarded by cost_mutex_
};

}  // namespace koinon::node::api
