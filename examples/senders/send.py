"""Sends a CCSDS space packet a datagram, as a ship's modem would: python3 send.py [host] [port] [packets] [packets a second]"""
import math, socket, struct, sys, time

host, port, count, rate = (sys.argv[1:] + ["127.0.0.1", "10015", "60", "1"][len(sys.argv) - 1 :])[:4]
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(int(count)):
    volts, degrees = 7.7 + 0.5 * math.sin(n / 10), 20 + 5 * math.cos(n / 10)
    data = struct.pack(">IHhB", n, round(volts * 1000), round(degrees * 100), 1)
    # Version 0, telemetry, no secondary header, APID 100; unsegmented, sequence count; octets that follow, minus 1.
    header = struct.pack(">HHH", 100, 0b11 << 14 | n % 16384, len(data) - 1)
    link.sendto(header + data, (host, int(port)))
    time.sleep(1 / float(rate))
