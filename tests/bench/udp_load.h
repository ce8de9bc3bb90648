// UdpLoad: a client population for a UDP tracker. Sends requests in batches by sendmmsg, receives
// answers by recvmmsg and checks each. Every client address of the workload is a socket of its own, so
// the tracker sees that many clients. One thread.
//
// It never waits for an answer in the kernel, because the tracker would pay for the wake-up: if no answer has
// arrived, it sleeps for some microseconds.

#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "bench/measure.h"
#include "bench/workload.h"
#include "common/endpoint.h"
#include "common/prng.h"

namespace shoal::bench {

// The proportions of the kinds of requests.
struct UdpMix {
  uint32_t connect = 50;
  uint32_t announce = 50;
  uint32_t scrape = 1;
};

struct UdpLoadStats {
  uint64_t sent = 0;
  uint64_t connects = 0;
  uint64_t announces = 0;
  uint64_t scrapes = 0;
  uint64_t peers = 0;  // in all announce answers
  uint64_t bytes = 0;  // of all answers
  uint64_t wrong = 0;  // answers that do not fit their request
  uint64_t lost = 0;   // requests without an answer in time
  LatencyHistogram latency;

  uint64_t answers() const { return connects + announces + scrapes; }
};

class UdpLoad {
 public:
  struct Settings {
    common::Endpoint tracker;
    // Its address; the others follow, 250 in each /24. Of the tracker's family. IPv6 addresses need be on no
    // interface, but have a local route.
    common::Endpoint first_client;
    UdpMix mix;
    uint32_t numwant = 30;
    uint32_t batches_in_flight = 3;
    uint64_t seed = 1;
  };

  // Opens the sockets and requests a connection id for each; exits with a message if the tracker does not
  // answer.
  UdpLoad(const Settings& settings, const Workload& workload);
  ~UdpLoad();
  UdpLoad(const UdpLoad&) = delete;
  UdpLoad& operator=(const UdpLoad&) = delete;

  // Announces each peer of the workload once, asking for no peers.
  void fill();
  // Sends as many requests as the tracker answers, with a bounded number underway.
  void run_closed(uint64_t duration_ns);
  // Sends `rate` requests a second, answered or not; latency counts from the time a request was due. Below
  // 1000 a second it looks for answers four times a millisecond only, and latency is no finer.
  void run_at_rate(uint64_t duration_ns, double rate);

  const UdpLoadStats& stats() const { return stats_; }
  void clear_stats() { stats_ = {}; }

 private:
  static constexpr size_t kBatch = 64;
  static constexpr size_t kRing = 4096;  // batches to which a late answer can still belong

  enum class Kind : uint8_t { connect, announce, scrape };
  struct Client {
    int fd = -1;
    uint64_t connection_id = 0;
    uint64_t connected_ns = 0;
    uint32_t fill_next = 0;
  };
  struct Pending {
    uint32_t sequence = 0;
    uint32_t client = 0;
    uint32_t size = 0;
    uint32_t open = 0;  // requests without an answer
    uint64_t sent_ns = 0;
    uint64_t first_due_ns = 0;  // of the first request of the batch
    std::array<Kind, kBatch> kinds;
    std::array<uint8_t, kBatch> hashes;  // of a scrape
    std::array<bool, kBatch> answered;
  };

  void open_clients();
  void connect_client(uint32_t client);
  size_t write_request(Pending& pending, size_t index, Kind kind, uint8_t* out);
  Kind draw_kind();
  void send_batch(uint32_t client, size_t size, uint64_t first_due_ns, bool filling);
  size_t receive(uint32_t client);
  void take_answer(uint32_t client, const uint8_t* answer, size_t size, uint64_t now_ns);
  bool answer_fits(Client& client, const Pending& pending, size_t index, const uint8_t* answer, size_t size);
  void retire(uint64_t now_ns, uint64_t patience_ns);
  uint32_t next_client();

  const Settings settings_;
  const Workload& workload_;
  common::Prng prng_;
  std::vector<Client> clients_;
  std::vector<Pending> ring_;
  std::deque<uint32_t> in_flight_;  // sequences, oldest first
  uint32_t next_sequence_ = 1;
  uint32_t next_client_ = 0;
  double due_step_ns_ = 0;  // between two requests at a fixed rate, 0 in a closed loop
  UdpLoadStats stats_;

  std::array<mmsghdr, kBatch> out_{};
  std::array<iovec, kBatch> out_slices_;
  std::array<std::array<uint8_t, 256>, kBatch> out_bytes_;
  std::array<mmsghdr, kBatch> in_{};
  std::array<iovec, kBatch> in_slices_;
  std::array<std::array<uint8_t, 2048>, kBatch> in_bytes_;
};

}  // namespace shoal::bench
