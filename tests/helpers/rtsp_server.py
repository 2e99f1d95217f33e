"""A network camera for test_rtsp.py, in a process of its own so that it can be killed: GStreamer's RTSP server.

    /usr/bin/python3 rtsp_server.py PORT    # 0: any that is free

Its pictures are of one gray, a level more each frame, 30 a second: at /jpeg, and at /h264 with key frames 3 s apart.
User "me" with password "secret" sees them, nobody else. Run it with Debian's own Python: the bindings are Debian's.
"""

from __future__ import annotations

import sys

MISSING = "no RTSP server: apt install gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-{base,good,bad}"

try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer
except (ImportError, ValueError):
    sys.exit(MISSING)

WIDTH, HEIGHT, RATE = 64, 48, 30
GREYS = (
    f"appsrc name=grays is-live=true format=time "
    f"caps=video/x-raw,format=I420,width={WIDTH},height={HEIGHT},framerate={RATE}/1"
)
CODECS = {
    "/jpeg": "jpegenc ! rtpjpegpay name=pay0 pt=26",
    "/h264": f"openh264enc gop-size={3 * RATE} ! h264parse ! rtph264pay name=pay0 pt=96",
}


class Camera(GstRtspServer.RTSPMediaFactory):
    """Pictures when they are due, for as long as anybody takes them."""

    def do_configure(self, media: GstRtspServer.RTSPMedia) -> None:
        grays = media.get_element().get_by_name("grays")
        number = 0

        def push() -> bool:
            nonlocal number
            luma, chroma = bytes([number % 256] * (WIDTH * HEIGHT)), bytes([128] * (WIDTH * HEIGHT // 2))
            image = Gst.Buffer.new_wrapped(luma + chroma)
            image.pts, image.duration = number * Gst.SECOND // RATE, Gst.SECOND // RATE
            number += 1
            return grays.emit("push-buffer", image) == Gst.FlowReturn.OK

        GLib.timeout_add(1000 // RATE, push)


def main(port: str) -> None:
    """Serve until killed. One line on standard output tells the port, when it can be asked."""
    Gst.init(None)
    for element in (" ! ".join(CODECS.values())).split(" ! "):
        if Gst.ElementFactory.find(element.split()[0]) is None:
            sys.exit(MISSING)
    server = GstRtspServer.RTSPServer(address="127.0.0.1", service=port)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth = GstRtspServer.RTSPAuth()
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic("me", "secret"), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    for right in ("access", "construct"):
        permissions.add_permission_for_role("viewer", f"media.factory.{right}", True)
    for path, codec in CODECS.items():
        camera = Camera()
        camera.set_launch(f"( {GREYS} ! {codec} )")
        camera.set_permissions(permissions)
        server.get_mount_points().add_factory(path, camera)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(sys.argv[1])
