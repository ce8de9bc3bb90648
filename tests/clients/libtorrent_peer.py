"""One libtorrent session with one torrent until SIGTERM: libtorrent_peer.py TORRENT FOLDER LISTEN [SECONDS]. With SECONDS it obeys
a tracker that wants to be asked so often."""

import signal
import sys

import libtorrent

stopping = False


def on_signal(_signal, _frame):
    global stopping
    stopping = True


def main():
    torrent, folder, listen, *seconds = sys.argv[1:]
    signal.signal(signal.SIGTERM, on_signal)
    session = libtorrent.session({
        "listen_interfaces": listen,
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        # Both ends may share an address.
        "allow_multiple_connections_per_ip": True,
        **({"min_announce_interval": int(seconds[0])} if seconds else {}),
        "alert_mask": libtorrent.alert.category_t.tracker_notification
        | libtorrent.alert.category_t.error_notification
        | libtorrent.alert.category_t.status_notification,
    })
    session.add_torrent({
        "ti": libtorrent.torrent_info(torrent),
        "save_path": folder,
        # No automatic queueing, which would delay the first announce.
        "flags": libtorrent.torrent_flags.disable_pex
        | libtorrent.torrent_flags.disable_dht
        | libtorrent.torrent_flags.disable_lsd,
    })
    while not stopping:
        session.wait_for_alert(200)
        for alert in session.pop_alerts():
            print(alert.what(), alert.message(), flush=True)


main()
