#include "node/access/places.h"

#include <functional>
#include <string>
#include <unordered_set>
#include <utility>

#include "node/access/geo_database.h"
#include "node/access/network_file.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

uint16_t country_number(char first, char second) {
  return static_cast<uint16_t>(static_cast<uint8_t>(first) << 8 | static_cast<uint8_t>(second));
}

// Afterwards the file is no longer in memory: what it says is joined with the others' without it.
common::Result<void> walk_geo_file(
    const std::string& path, const std::function<void(const common::AddressRange&, const GeoEntry&)>& visit) {
  const auto database = load_geo_database(path);
  if (!database) return tl::make_unexpected(database.error());
  const auto walked = database->for_each(visit);
  return walked ? walked : common::fail(printable(path) + ": " + walked.error().message);
}

}  // namespace

common::Result<std::shared_ptr<const PlaceIndex>> read_places(const Options::Access& options,
                                                              common::NetworkSet::Builder& denied) {
  if (options.deny_countries.empty() && options.deny_asns.empty() && !options.geo_counts) return nullptr;
  std::unordered_set<uint16_t> countries;
  for (const std::string& country : options.deny_countries)
    countries.insert(country_number(country[0], country[1]));
  const std::unordered_set<uint32_t> asns(options.deny_asns.begin(), options.deny_asns.end());
  bool tells_country = false;
  bool tells_asn = false;
  bool too_many = false;
  PlaceIndex::Builder index;
  for (const std::string& path : options.geo_databases) {
    const auto walked = walk_geo_file(path, [&](const common::AddressRange& range, const GeoEntry& entry) {
      tells_country |= entry.country[0] != '\0';
      tells_asn |= entry.asn != 0;
      if (options.geo_counts) index.add(range, entry);
      if (!countries.contains(country_number(entry.country[0], entry.country[1])) &&
          !asns.contains(entry.asn))
        return;
      too_many |= denied.size() >= kListedNetworksMax;
      if (!too_many) denied.add(range);
    });
    if (!walked) return common::fail("access.geo_databases: " + walked.error().message);
    index.end_file();
  }
  if (!countries.empty() && !tells_country)
    return common::fail("access.deny_countries: no file of access.geo_databases tells countries");
  if (!asns.empty() && !tells_asn)
    return common::fail("access.deny_asns: no file of access.geo_databases tells autonomous systems");
  if (too_many)
    return common::fail("access.deny_countries, access.deny_asns: with the other lists more than " +
                        std::to_string(kListedNetworksMax) + " networks");
  if (!options.geo_counts) return nullptr;
  if (index.too_many())
    return common::fail("access.geo_counts: the files of access.geo_databases have more than " +
                        std::to_string(kPlaceBoundsMax) + " bounds between places");
  return std::make_shared<const PlaceIndex>(std::move(index));
}

}  // namespace shoal::node
