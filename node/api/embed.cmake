# Writes OUTPUT, a .cpp that holds the bytes of INPUT. Usage: cmake -DINPUT=... -DOUTPUT=... -P embed.cmake
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "#include \"node/api/api.hpp\"\n\nnamespace koinon::node {\n\nstatic constexpr unsigned char kDocument[] = {\n${bytes}};\n
std::string_view openapi_document() { return {reinterpret_cast<const char*>(kDocument), sizeof kDocument}; }\n\n}  // namespace koinon::node\n")
