#pragma once
#include <nlohmann/json_fwd.hpp>

#include "engine/language/folder.hpp"
#include "engine/program/program.hpp"
#include "node/store/records.hpp"

namespace koinon::node::api {

/// Type and shape of a program's output.
engine::program::TensorInfo output_info(const engine::program::Program& program, std::size_t index);

/// The card of a program: what a list of models shows, so that no list decodes a file. A JSON object in the node's own store:
/// description, inputs and outputs; labels, accuracy and accuracy_data when somebody added them.
std::string card_of(const engine::program::Program& program);

/// The same of a language model: no inputs and outputs, but context, vocabulary, candidates, chunk and the ids of both programs
/// under "language".
std::string card_of(const engine::language::Folder& folder);
/// Whether a card is that of a language model.
bool is_text_card(const std::string& card);

/// Whether a card says that its program has the format of this version.
bool is_current(const std::string& card);

/// Model of the document, from its record. A damaged card gives a model without what it cannot read. `trouble`: why it cannot
/// be used; empty: it can.
nlohmann::json model_json(const ModelRecord& record, bool held, const std::string& trouble = {});

/// Names of the classes of an output, or null.
nlohmann::json labels_of(const std::string& card, std::string_view output);

}  // namespace koinon::node::api
