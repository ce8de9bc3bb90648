// Loads a UDP tracker with the workload of workload.h and prints answers per second, CPU time of the
// tracker's process per answer and, at a fixed rate, the latency. docs/BENCHMARKS.md has examples.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/measure.h"
#include "bench/udp_load.h"
#include "bench/workload.h"
#include "common/endpoint.h"

namespace {

using namespace shoal::bench;

struct Arguments {
  std::string host = "127.0.0.1";
  std::string clients;
  uint16_t port = 6969;
  double seconds = 5;
  double warmup = 3;
  std::string mix = "50/50/1";
  double rate = 0;
  uint32_t torrents = 1'000'000;
  uint32_t peers = 2'000'000;
  uint32_t fill = 0;
  uint32_t numwant = 30;
  bool even = false;
  uint32_t in_flight = 3;
  uint64_t seed = 1;
  int pid = 0;
  int cpu = -1;
  bool json = false;
  std::string hashes;
};

int parse(int argc, char** argv, Arguments& out) {
  CLI::App app("loads a UDP tracker");
  app.add_option("--host", out.host, "address of the tracker, IPv4 or IPv6");
  app.add_option("--port", out.port, "UDP port of the tracker");
  app.add_option("--clients", out.clients,
                 "address of the first client; the others follow, 250 in each /24. Default: 127.1.0.1; "
                 "fd97::1, which needs "
                 "ip -6 route add local fd97::/64 dev lo");
  app.add_option("--seconds", out.seconds, "time measured");
  app.add_option("--warmup", out.warmup, "time before, not measured");
  app.add_option("--mix", out.mix, "connects/announces/scrapes");
  app.add_option("--rate", out.rate, "requests per second; 0: as many as are answered");
  app.add_option("--torrents", out.torrents, "torrents")->check(CLI::PositiveNumber);
  app.add_option("--peers", out.peers, "peers, at least 64")->check(CLI::Range(64U, 100'000'000U));
  app.add_option("--fill", out.fill, "announce this many peers before the warm-up, in the same torrents");
  app.add_flag("--even", out.even, "the same number of peers in every torrent");
  app.add_option("--numwant", out.numwant, "peers requested in an announce");
  app.add_option("--in-flight", out.in_flight, "batches of 64 requests underway");
  app.add_option("--seed", out.seed, "seed of the order of requests");
  app.add_option("--pid", out.pid, "process whose CPU time is measured");
  app.add_option("--cpu", out.cpu, "CPU to run on");
  app.add_flag("--json", out.json, "print one JSON object");
  app.add_option("--print-hashes", out.hashes, "write the info_hashes to this file and exit");
  CLI11_PARSE(app, argc, argv);
  return 0;
}

int print_hashes(const Arguments& arguments) {
  std::FILE* file = std::fopen(arguments.hashes.c_str(), "w");
  if (file == nullptr) {
    std::perror(arguments.hashes.c_str());
    return 1;
  }
  for (uint32_t i = 0; i < arguments.torrents; ++i) {
    std::fprintf(file, "%s\n", shoal::common::to_hex(torrent_hash(i)).c_str());
  }
  return std::fclose(file) == 0 ? 0 : 1;
}

uint64_t to_ns(double seconds) { return static_cast<uint64_t>(seconds * 1e9); }

void run(UdpLoad& load, const Arguments& arguments, double seconds) {
  if (arguments.rate > 0) {
    load.run_at_rate(to_ns(seconds), arguments.rate);
  } else {
    load.run_closed(to_ns(seconds));
  }
}

nlohmann::ordered_json measure(UdpLoad& load, const Arguments& arguments) {
  run(load, arguments, arguments.warmup);
  load.clear_stats();
  const uint64_t tracker_cpu_ns = arguments.pid != 0 ? process_cpu_ns(arguments.pid) : 0;
  const uint64_t tracker_user_ns = arguments.pid != 0 ? process_user_ns(arguments.pid) : 0;
  const uint64_t own_ns = own_cpu_ns();
  const uint64_t start_ns = monotonic_ns();
  run(load, arguments, arguments.seconds);
  const auto wall_ns = static_cast<double>(monotonic_ns() - start_ns);
  const auto load_cpu_ns = static_cast<double>(own_cpu_ns() - own_ns);
  const UdpLoadStats& stats = load.stats();
  const auto answers = static_cast<double>(stats.answers());
  nlohmann::ordered_json result;
  result["answers_per_s"] = answers / wall_ns * 1e9;
  if (arguments.pid != 0) {
    const auto cpu_ns = static_cast<double>(process_cpu_ns(arguments.pid) - tracker_cpu_ns);
    result["tracker_us_per_answer"] = cpu_ns / answers / 1e3;
    result["user_us_per_answer"] =
        static_cast<double>(process_user_ns(arguments.pid) - tracker_user_ns) / answers / 1e3;
    result["tracker_cpus"] = cpu_ns / wall_ns;
  }
  result["load_cpus"] = load_cpu_ns / wall_ns;
  result["peers_per_announce"] =
      static_cast<double>(stats.peers) / static_cast<double>(std::max<uint64_t>(1, stats.announces));
  result["bytes_per_answer"] = static_cast<double>(stats.bytes) / answers;
  result["connects"] = stats.connects;
  result["announces"] = stats.announces;
  result["scrapes"] = stats.scrapes;
  result["wrong"] = stats.wrong;
  result["lost"] = stats.lost;
  if (arguments.rate > 0) {
    for (const auto& [name, share] :
         {std::pair{"p50_us", 0.5}, {"p99_us", 0.99}, {"p99_9_us", 0.999}, {"max_us", 1.0}}) {
      result[name] = static_cast<double>(stats.latency.percentile_ns(share)) / 1e3;
    }
    result["within_100ms"] = static_cast<double>(stats.latency.up_to(100'000'000)) /
                             static_cast<double>(std::max<uint64_t>(1, stats.answers() + stats.lost));
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (const int status = parse(argc, argv, arguments)) return status;
  if (!arguments.hashes.empty()) return print_hashes(arguments);
  UdpLoad::Settings settings;
  if (std::sscanf(arguments.mix.c_str(), "%u/%u/%u", &settings.mix.connect, &settings.mix.announce,
                  &settings.mix.scrape) != 3 ||
      settings.mix.connect + settings.mix.announce + settings.mix.scrape == 0) {
    std::fprintf(stderr, "--mix: as in 50/50/1\n");
    return 1;
  }
  const auto tracker = shoal::common::parse_address(arguments.host);
  if (!tracker) {
    std::fprintf(stderr, "--host: an IP address\n");
    return 1;
  }
  const bool v6 = tracker->family == shoal::common::Family::v6;
  const auto first = shoal::common::parse_address(!arguments.clients.empty() ? arguments.clients
                                                  : v6                       ? "fd97::1"
                                                                             : "127.1.0.1");
  if (!first || first->family != tracker->family) {
    std::fprintf(stderr, "--clients: an IP address of the tracker's family\n");
    return 1;
  }
  settings.tracker = *tracker;
  settings.tracker.port = arguments.port;
  settings.first_client = *first;
  settings.numwant = arguments.numwant;
  settings.batches_in_flight = arguments.in_flight;
  settings.seed = arguments.seed;
  if (arguments.cpu >= 0) pin_to_cpu(arguments.cpu);
  if (arguments.fill > 0) {
    const Workload everybody(arguments.torrents, arguments.fill, arguments.even);
    UdpLoad(settings, everybody).fill();
  }
  if (arguments.seconds <= 0) return 0;
  const Workload workload(arguments.torrents, arguments.peers, arguments.even);
  UdpLoad load(settings, workload);
  const auto result = measure(load, arguments);
  if (arguments.json) {
    std::printf("%s\n", result.dump().c_str());
  } else {
    for (const auto& [key, value] : result.items())
      std::printf("%-22s %s\n", key.c_str(), value.dump().c_str());
  }
  return load.stats().wrong == 0 ? 0 : 2;
}
