#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "net/websocket.hpp"

namespace koinon::net {
namespace {

namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;

/// PEM of a new key and of a certificate for `names` (X.509 subject alternative names, such as "IP:127.0.0.1") that it signs
/// itself.
struct Identity {
  explicit Identity(const std::string& names) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> made(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> x(X509_new(), X509_free);
    X509_set_version(x.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(x.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(x.get()), 3600);
    X509_set_pubkey(x.get(), made.get());
    X509_set_issuer_name(x.get(), X509_get_subject_name(x.get()));
    auto* alternative = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
    X509_add_ext(x.get(), alternative, -1);
    X509_EXTENSION_free(alternative);
    X509_sign(x.get(), made.get(), EVP_sha256());
    key = text([&](BIO* out) { PEM_write_bio_PrivateKey(out, made.get(), nullptr, nullptr, 0, nullptr, nullptr); });
    certificate = text([&](BIO* out) { PEM_write_bio_X509(out, x.get()); });
  }
  template <class Write>
  static std::string text(Write write) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
    write(out.get());
    char* data = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }
  std::string key;
  std::string certificate;
};

/// Answers one wss connection after the other: "welcome", then each message back.
class Server {
 public:
  explicit Server(const Identity& identity) : context_(asio::ssl::context::tls_server) {
    context_.use_private_key(asio::buffer(identity.key), asio::ssl::context::pem);
    context_.use_certificate(asio::buffer(identity.certificate), asio::ssl::context::pem);
    thread_ = std::jthread([this] {
      while (!stop_) try {
          serve();
        } catch (const boost::system::system_error&) {
          // A client that does not trust this server breaks off.
        }
    });
  }
  ~Server() {
    stop_ = true;
    boost::system::error_code ignored;
    asio::ip::tcp::socket(io_).connect(acceptor_.local_endpoint(), ignored);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  [[nodiscard]] std::string url(const std::string& host) const {
    return fmt::format("wss://{}:{}/", host, acceptor_.local_endpoint().port());
  }

 private:
  void serve() {
    websocket::stream<asio::ssl::stream<asio::ip::tcp::socket>> peer(acceptor_.accept(), context_);
    peer.next_layer().handshake(asio::ssl::stream_base::server);
    peer.accept();
    peer.write(asio::buffer("welcome", 7));
    for (boost::beast::flat_buffer message; !stop_; message.clear()) {
      peer.read(message);
      peer.write(message.cdata());
    }
  }

  asio::io_context io_;
  asio::ssl::context context_;
  asio::ip::tcp::acceptor acceptor_{io_, {asio::ip::address_v4::loopback(), 0}};
  std::atomic<bool> stop_ = false;
  std::jthread thread_;
};

struct WebSocketTls : testing::Test {
  WebSocketTls() { std::ofstream(ca_file) << identity.certificate; }
  ~WebSocketTls() override { std::filesystem::remove(ca_file); }
  Result<std::unique_ptr<WebSocketClient>> connect(const std::string& host, const std::string& trusted) const {
    WebSocketOptions options;
    options.ca_file = trusted;
    return WebSocketClient::connect(server.url(host), options);
  }

  Identity identity{"IP:127.0.0.1"};
  std::string ca_file = testing::TempDir() + fmt::format("koinon-{}.pem", ::getpid());
  Server server{identity};
};

TEST_F(WebSocketTls, carries_text_both_ways) {
  const auto client = *connect("127.0.0.1", ca_file);
  EXPECT_EQ(*client->read(5'000), "welcome");
  const std::string large(1u << 20, 'x');
  ASSERT_TRUE(client->send(large));
  EXPECT_EQ(*client->read(5'000), large);
  client->close();
  EXPECT_FALSE(client->is_open());
}

TEST_F(WebSocketTls, refuses_a_server_that_nobody_vouches_for) {
  const auto client = connect("127.0.0.1", "");
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Code::network);
  EXPECT_NE(client.error().text.find("certificate verify failed"), std::string::npos) << client.error().text;
}

TEST_F(WebSocketTls, refuses_a_certificate_of_another_name) {
  EXPECT_EQ(connect("localhost", ca_file).error().code, Code::network);
}

TEST_F(WebSocketTls, names_a_certificate_file_that_is_not_there) {
  const auto client = connect("127.0.0.1", "/nowhere.pem");
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Code::invalid_argument);
}

TEST_F(WebSocketTls, gives_up_a_server_that_does_not_speak_tls) {
  asio::io_context io;
  asio::ip::tcp::acceptor mute(io, {asio::ip::address_v4::loopback(), 0});
  WebSocketOptions options;
  options.connect_timeout_ms = 200;
  EXPECT_EQ(WebSocketClient::connect(fmt::format("wss://127.0.0.1:{}/", mute.local_endpoint().port()), options).error().code,
            Code::timeout);
}

}  // namespace
}  // namespace koinon::net
