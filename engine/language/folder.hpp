#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>

#include "engine/language/generate.hpp"
#include "engine/language/tokeniser.hpp"

namespace koinon::engine::language {

/// A compiled language model on disk, a folder:
///
///   model.json       {"format": "koinon.language", "version": 1, "decode": id, "prefill": id or null,
///                     "tokeniser": keccak256 of the file, "ends": [tokens behind which a text is over]}
///   decode.koinon, prefill.koinon
///   tokeniser        tokenizer.json or a SentencePiece model, byte for byte as it was given
struct Folder {
  Model model;
  std::unique_ptr<Tokeniser> tokeniser;
  base::Bytes tokeniser_bytes;
  Tokens ends;

  /// Reads a folder that nobody vouches for. Errors: not_found, malformed (a file is not what model.json says), those of
  /// program::decode, Model::from and read_tokeniser, naming the file.
  static base::Result<Folder> load(const std::filesystem::path& path);
  /// Errors: io.
  [[nodiscard]] base::Status save(const std::filesystem::path& path) const;
};

/// How close a program is to float on one text.
struct Accuracy {
  std::size_t compared = 0;         ///< tokens
  double largest = 0, mean = 0;     ///< difference of logits
  double range = 0;                 ///< of the float logits
  double same_top = 0;              ///< share of places where the most likely token is the same
  double nats_float = 0, nats = 0;  ///< mean of -log p(next token), by float and by the program
};

/// Gives the same tokens to the float model and to the program. Errors: those of execute.
base::Result<Accuracy> compare(const Transformer& weights, const Model& model, const Tokens& tokens, std::stop_token stop = {});

struct Compiled {
  Folder folder;
  Config config;
  std::size_t calibrated = 0;  ///< tokens
  Accuracy accuracy;
};

struct CompileOptions {
  BuildOptions build;
  std::size_t most_tokens = 2048;  ///< of calibration
  std::size_t compare = 256;       ///< tokens, of the end of the calibration text
  std::function<void(std::size_t done, std::size_t total)> progress;
  std::stop_token stop;
};

/// Compiles a model folder as it is published: config.json; model.safetensors, or several named by
/// model.safetensors.index.json; and tokenizer.json, tokenizer.model, or vocab.json with merges.txt. `text` calibrates. Errors:
/// not_found naming the file; those of the readers, calibrate and build_programs.
base::Result<Compiled> compile(const std::filesystem::path& source, std::string_view text, const CompileOptions& options);

}  // namespace koinon::engine::language
