#pragma once
#include "engine/language/folder.hpp"

namespace koinon::engine::language {

/// The first bytes of a bundle.
inline constexpr std::string_view kBundleMagic = "KNL1";
inline constexpr std::size_t kMostEnds = 1024;

/// True when the bytes say that they are a bundle, not a program.
bool is_bundle(base::ByteView bytes);

/// What a language model is called on a market, a keccak256 over its parts:
///
///   "koinon.language" | be64(1) | decode id | prefill id or zero | keccak256(tokeniser) | be64(ends) | each end, be64
///
/// The ids bind both programs with their weights, and with them context, chunk, vocabulary and candidates.
base::Hash bundle_id(const Folder& folder);

/// A compiled model as one file, the artifact of orders that name bundle_id. Weights that both programs hold are in it once:
///
///   "KNL1" | u64 size | decode.koinon | u64 size or 0 | prefill.koinon without weights | u64 size | data of those of its
///   weights that decode lacks, in order | u64 size | tokeniser | u32 count | count x u32 end
///
/// Preconditions: the programs have their weights.
base::Bytes encode_bundle(const Folder& folder);

/// Reads a bundle that nobody vouches for. Errors: malformed, those of program::decode, Model::from and read_tokeniser, naming
/// the part.
base::Result<Folder> decode_bundle(base::ByteView bytes);

}  // namespace koinon::engine::language
