#pragma once
#include "engine/program/bounds.hpp"
#include "trust/private/models/compile.hpp"
#include "trust/private/models/cuts.hpp"
#include "trust/private/models/network.hpp"
#include "trust/private/models/section_run.hpp"

namespace koinon::trust::fhe {

/// A program cut for a table network: the provider computes from the (encrypted) input to the last layer's sums, the buyer runs
/// the rest on what it decrypts. Together they give the program's outputs bit for bit.
struct NetworkProgram {
  TableNetwork network;
  /// The input goes in as thermometers, one bit [x >= v] for each element and each v above its least: then any function of one
  /// element, such as a tree's comparison, is a sum of bits, and thresholds stay with the provider.
  bool thermometer = false;
  /// In place of thermometers where those would be too long, as of inputs of 31 bits: bits at the thresholds alone, which the
  /// buyer then sees. Empty: thermometers.
  Cuts cuts;
  std::int64_t low = 0, high = 0;  ///< of the program's input
  std::size_t table_step = 0;      ///< first step of the first tables
  std::size_t last_step = 0;       ///< the last layer
  engine::program::Program rest;

  /// What the buyer encrypts for an input of the program. Errors: invalid_argument on another size under cuts, out_of_range on
  /// an element outside [low, high].
  [[nodiscard]] base::Result<std::vector<std::int64_t>> encode_input(std::span<const std::int64_t> x) const;
};

/// The matrix of affine steps of a program, from the value `start` to the value `end`, found by running them on unit vectors.
/// Errors: unsupported for more than 2^26 weights, those of the section.
base::Result<LinearLayer> affine_of(const engine::program::Program& program, const std::vector<engine::program::Range>& ranges,
                                    std::size_t start, std::size_t end, const std::vector<std::size_t>& steps);

/// The first layer of a program whose input goes in as bits: as thermometers where they fit, so that thresholds stay with the
/// provider; else at the cuts that the program compares with, which `cuts` then holds. `sums` runs `steps` from the input.
/// Errors: unsupported (too many bits), those of find_cuts.
base::Result<LinearLayer> first_of_bits(const engine::program::Program& program,
                                        const std::vector<engine::program::Range>& ranges, const SectionRun& sums,
                                        const std::vector<std::size_t>& steps, Cuts& cuts);

/// Cuts multilayer perceptrons, decision trees and forests, and convolutional networks: affine steps; steps element by element,
/// whatever they are, which become tables; affine steps and tables again, or the last layer. Whatever the affine steps are made
/// of, their matrix is found by running them on unit vectors. Errors: unsupported, naming the step that cannot be done and what
/// would help; invalid_argument when weights are hidden; those of engine/program analyse.
base::Result<NetworkProgram> compile_network(const engine::program::Program& program);

}  // namespace koinon::trust::fhe
