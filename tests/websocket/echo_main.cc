// websocket_echo PORT: the node's HTTP server and WebSocket stream, which send each message back. What
// tests/websocket/autobahn talks to. On loopback, until it is killed.

#include <uv.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "common/check.h"
#include "node/http/http_server.h"
#include "node/net/sockets.h"
#include "node/websocket/websocket_handshake.h"
#include "tests/websocket/websocket_echo.h"

using namespace shoal;
using namespace shoal::node;

namespace {

// The largest message of Autobahn has 16 MiB.
constexpr uint32_t kEchoMax = 17 << 20;

class EchoHandler final : public HttpHandler {
 public:
  std::unique_ptr<StreamedAnswer> answer(const proto::HttpRequest& request,
                                         const common::Endpoint& /*client*/, std::string& out) override {
    proto::append_text(out, proto::reply_to(request), 404, "ask for a WebSocket\n");
    return nullptr;
  }
  Upgrade upgrade(const proto::HttpRequest& request, const common::Endpoint& /*client*/,
                  UpgradedLink& /*link*/, bool /*room*/, std::string& out) override {
    const WebsocketOpening opening = judge_websocket(request, {});
    append_websocket_opening(out, request, opening);
    return {.answered = opening != WebsocketOpening::none,
            .upgraded = opening == WebsocketOpening::accepted
                            ? std::make_unique<test::WebsocketEcho>(kEchoMax)
                            : nullptr};
  }
};

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto port = common::parse_port(argc == 2 ? argv[1] : "");
  if (!port) {
    std::fputs("usage: websocket_echo PORT\n", stderr);
    return EXIT_FAILURE;
  }
  uv_loop_t loop;
  CHECK_INVARIANT(uv_loop_init(&loop) == 0);
  EchoHandler handler;
  HttpCounters counters;
  HttpLimits limits;
  limits.upgraded_max = limits.connections_max;
  limits.waiting_bytes_max = 256 << 20;
  limits.request_ms = limits.answer_ms = 60'000;
  HttpServer server(&loop, limits, handler, counters);
  auto socket = open_tcp(common::make_endpoint_v4(0x7f000001, *port), PortUse::alone);
  if (!socket) {
    std::fprintf(stderr, "%s\n", socket.error().message.c_str());
    return EXIT_FAILURE;
  }
  server.listen(std::move(*socket));
  return uv_run(&loop, UV_RUN_DEFAULT);
}
