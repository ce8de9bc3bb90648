// webtorrent's WebRTC, by a build that is shipped inside an npm package: the usual one is downloaded by an install script.
import wrtc from '@roamhq/wrtc'

export const {
  MediaStream, MediaStreamTrack, RTCDataChannel, RTCIceCandidate, RTCPeerConnection, RTCSessionDescription
} = wrtc
export default wrtc
