#pragma once
#include <list>
#include <map>
#include <memory>
#include <mutex>

#include "engine/language/tokeniser.hpp"
#include "engine/program/program.hpp"
#include "node/artifacts/artifacts.hpp"
#include "node/store/records.hpp"
#include "work/language/request.hpp"

namespace koinon::node::api {

/// What a node needs of a language model to order a text and to read the one that it gets.
struct TextModel {
  std::unique_ptr<engine::language::Tokeniser> tokeniser;
  engine::language::Tokens ends;
  work::language::Limits limits;

  /// A generated text for people: without the token that ended it.
  [[nodiscard]] std::string text(engine::language::Tokens generated, work::language::Ending ending) const;
};

/// Public descriptions of the programs and language models that this node knows, the last few kept decoded. Thread-safe.
class Programs {
 public:
  Programs(Models& models, Artifacts& artifacts) : models_(models), artifacts_(artifacts) {}

  using Ptr = std::shared_ptr<const engine::program::Program>;  ///< shared: a caller may read while another evicts
  /// Inputs, outputs and steps; weights without data. Errors: not_found, those of Artifacts, malformed (the artifact is another
  /// program), unsupported (a language model).
  base::Result<Ptr> find(const base::Hash& program);

  using TextPtr = std::shared_ptr<const TextModel>;  ///< shared as Ptr
  /// A language model. Errors: as find; unsupported (a program).
  base::Result<TextPtr> text(const base::Hash& model);

  /// Why a model that is here cannot be used, such as an older format, and what to do; empty: it can, or is not here. The first
  /// call for a model whose card does not tell decodes its file.
  std::string trouble(const ModelRecord& model);

 private:
  static constexpr std::size_t kKept = 16;
  static constexpr std::size_t kMostTroubles = 4096;
  template <class P>
  using Kept = std::list<std::pair<base::Hash, P>>;  ///< the last used first
  template <class P, class Make>
  base::Result<P> kept(Kept<P>& list, const base::Hash& id, Make&& make);
  base::Result<Ptr> read_program(const base::Hash& program);
  base::Result<TextPtr> read_text(const base::Hash& model);

  Models& models_;
  Artifacts& artifacts_;
  std::mutex mutex_;
  Kept<Ptr> kept_;                              ///< guarded by mutex_
  Kept<TextPtr> texts_;                         ///< guarded by mutex_
  std::map<base::Hash, std::string> troubles_;  ///< guarded by mutex_
};

/// How many values of an input lie outside of what it takes, by more than rounding.
std::size_t outside(const engine::program::Input& input, const std::vector<double>& values);

}  // namespace koinon::node::api
