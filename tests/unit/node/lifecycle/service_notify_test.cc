#include "node/lifecycle/service_notify.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <vector>

using namespace shoal::node;

namespace {

// The service manager's side: a socket in a folder of its own.
class Service {
 public:
  Service() {
    char name[] = "/tmp/shoal-test-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    folder_ = name;
    fd_ = FileDescriptor(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~Service() { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ / "notify"; }

  // What has come since the last call.
  std::vector<std::string> heard() const {
    std::vector<std::string> messages;
    std::array<char, 512> buffer;
    for (ssize_t n; (n = recv(fd_.get(), buffer.data(), buffer.size(), 0)) >= 0;)
      messages.emplace_back(buffer.data(), static_cast<size_t>(n));
    return messages;
  }

 private:
  std::filesystem::path folder_;
  FileDescriptor fd_;
};

struct Loop {
  uv_loop_t uv;
  Loop() { REQUIRE(uv_loop_init(&uv) == 0); }
  ~Loop() { CHECK(uv_loop_close(&uv) == 0); }
};

using Messages = std::vector<std::string>;

}  // namespace

TEST_CASE("service manager: hears when the node is ready, reloads and stops") {
  const Service service;
  Loop loop;
  ServiceNotify notify({service.path(), "", ""});
  Readiness readiness{false, "starting"};
  notify.start(&loop.uv, [&] { return readiness; });
  CHECK(service.heard() == Messages{"STATUS=not ready: starting"});
  notify.reloading();  // ignored until the node is ready
  notify.reloaded();
  CHECK(service.heard().empty());

  readiness = {true, ""};
  uv_run(&loop.uv, UV_RUN_ONCE);
  CHECK(service.heard() == Messages{"READY=1", "STATUS=ready"});
  notify.reloading();
  notify.reloaded();
  const Messages reload = service.heard();
  REQUIRE(reload.size() == 2);
  CHECK(reload[0].starts_with("RELOADING=1\nMONOTONIC_USEC="));
  CHECK(reload[1] == "READY=1");

  notify.stopping(3600);
  notify.stopping(3600);
  notify.reloading();
  notify.reloaded();
  // The drain does not count towards the stop timeout.
  CHECK(service.heard() == Messages{"STOPPING=1\nEXTEND_TIMEOUT_USEC=3720000000"});
  readiness = {false, "draining"};
  uv_run(&loop.uv, UV_RUN_ONCE);
  CHECK(service.heard() == Messages{"STATUS=not ready: draining"});
  notify.close();
  uv_run(&loop.uv, UV_RUN_DEFAULT);
}

TEST_CASE("service manager: does not wait for a node that only others can make ready") {
  const Service service;
  Loop loop;
  ServiceNotify notify({service.path(), "", ""});
  notify.start(&loop.uv, [] { return Readiness{false, "alone", true}; });
  CHECK(service.heard() == Messages{"READY=1", "STATUS=not ready: alone"});
  notify.close();
  uv_run(&loop.uv, UV_RUN_DEFAULT);
}

TEST_CASE("service manager: the watchdog is notified at half its interval, ready or not") {
  const Service service;
  Loop loop;
  ServiceNotify notify({service.path(), "40000", std::to_string(getpid())});
  CHECK(notify.watchdog_ms() == 40);
  notify.start(&loop.uv, [] { return Readiness{false, "starting"}; });
  uv_run(&loop.uv, UV_RUN_ONCE);
  uv_run(&loop.uv, UV_RUN_ONCE);
  notify.close();
  uv_run(&loop.uv, UV_RUN_DEFAULT);
  CHECK(service.heard() == Messages{"STATUS=not ready: starting", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"});
}

TEST_CASE("service manager: a watchdog of another process, or no number, is ignored") {
  const Service service;
  const auto watchdog_ms = [&](const char* usec, const std::string& pid) {
    return ServiceNotify({service.path(), usec, pid}).watchdog_ms();
  };
  CHECK(watchdog_ms("3000000", "") == 3000);
  CHECK(watchdog_ms("3000000", std::to_string(getppid())) == 0);
  CHECK(watchdog_ms("3000000", "x") == 0);
  CHECK(watchdog_ms("3s", "") == 0);
  CHECK(watchdog_ms("", "") == 0);
}

TEST_CASE("service manager: none, or one that cannot be reached, is no error") {
  const Service service;
  for (const std::string& path : {std::string(), service.path() + ".none", std::string("relative"),
                                  std::string("/"), std::string(200, '/')}) {
    Loop loop;
    ServiceNotify notify({path, "1000000", ""});
    CHECK(notify.watchdog_ms() == 0);
    notify.start(&loop.uv, [] { return Readiness{true, ""}; });
    notify.reloading();
    notify.reloaded();
    notify.stopping(5);
    notify.close();
    uv_run(&loop.uv, UV_RUN_DEFAULT);
  }
  CHECK(service.heard().empty());
}
