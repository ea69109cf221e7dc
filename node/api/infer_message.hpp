#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/money.hpp"
#include "engine/io/read.hpp"
#include "node/api/answer.hpp"

// Messages of the Open Inference Protocol, version 2 (KServe: docs/predict-api/v2/required_api.md), with the binary tensor data
// extension of NVIDIA Triton.
namespace koinon::node::api {

/// A tensor of a request: values as doubles, exact for all types but 64-bit integers beyond 2^53, which are refused.
struct InferInput {
  std::string name;
  engine::tensor::Shape shape;
  std::vector<double> data;
};

/// An output that is asked for.
struct InferWanted {
  std::string name;
  bool binary = false;
};

struct InferRequest {
  std::string id;  ///< of the client, given back
  std::vector<InferInput> inputs;
  std::vector<InferWanted> wanted;  ///< empty: all
  bool binary = false;              ///< of outputs that are not in `wanted`
  std::string check;                ///< parameter `check`: "none" runs here, else a check of the market; empty: not said
  std::optional<base::Wei> max_price;
  bool clamp = false;  ///< parameter `clamp`: go on when much of the input lies outside of what the model was calibrated for
};

/// Values that each input of a model has, by its name.
using InferSizes = std::map<std::string, std::uint64_t>;

/// Reads a request for a model with these inputs: what it does not take is refused before its values are read. `header` is the
/// field Inference-Header-Content-Length: so many bytes of JSON, then raw tensors, little-endian. Datatypes BOOL, UINT8 to
/// UINT64, INT8 to INT64, FP16, FP32, FP64. Errors: malformed, invalid_argument, unsupported (BYTES, BF16), out_of_range; each
/// names the tensor.
base::Result<InferRequest> read_infer(std::string_view body, const InferSizes& sizes,
                                      const std::optional<std::uint64_t>& header = {});

/// What is answered, beside the outputs.
struct InferAnswer {
  std::string model;
  std::string version;
  std::string id;
  std::vector<std::pair<std::string, std::string>> parameters;
};

/// A response body, and the length of its JSON when raw tensors follow. Outputs are FP32.
struct InferBody {
  std::string bytes;
  std::optional<std::uint64_t> header;
};
/// Errors: not_found (an output that is wanted and not there).
base::Result<InferBody> write_infer(const InferAnswer& answer, const std::vector<RealOutput>& outputs,
                                    const InferRequest& request);

}  // namespace koinon::node::api
