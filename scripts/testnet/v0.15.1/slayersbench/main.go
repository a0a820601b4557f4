// Command slayersbench measures the reference implementation's packet codec, so that ours can stand
// beside it in one run: it decodes and serialises one UDP packet over a path of three segments and
// six hops and prints nanoseconds an operation as JSON: the best of several short runs, for whatever
// else the machine does only ever adds to them.
package main

import (
	"encoding/json"
	"flag"
	"math"
	"net/netip"
	"os"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/scionproto/scion/pkg/addr"
	"github.com/scionproto/scion/pkg/slayers"
	"github.com/scionproto/scion/pkg/slayers/path"
	"github.com/scionproto/scion/pkg/slayers/path/scion"
)

const (
	payloadBytes = 300
	runs         = 9
	runTime      = "100ms"
)

func packet() (*slayers.SCION, *slayers.UDP, gopacket.Payload) {
	dataplane := &scion.Decoded{Base: scion.Base{
		PathMeta: scion.MetaHdr{SegLen: [3]uint8{2, 2, 2}},
		NumINF:   3,
		NumHops:  6,
	}}
	for i := 0; i < 3; i++ {
		dataplane.InfoFields = append(dataplane.InfoFields, path.InfoField{ConsDir: i == 2, SegID: uint16(i), Timestamp: 1})
	}
	for i := 0; i < 6; i++ {
		dataplane.HopFields = append(dataplane.HopFields, path.HopField{ExpTime: 63, ConsIngress: uint16(i), ConsEgress: uint16(i + 1)})
	}
	header := &slayers.SCION{
		FlowID:   1,
		NextHdr:  slayers.L4UDP,
		PathType: scion.PathType,
		SrcIA:    addr.MustParseIA("1-ff00:0:111"),
		DstIA:    addr.MustParseIA("2-ff00:0:212"),
		Path:     dataplane,
	}
	must(header.SetSrcAddr(addr.HostIP(netip.MustParseAddr("127.0.2.9"))))
	must(header.SetDstAddr(addr.HostIP(netip.MustParseAddr("127.0.3.9"))))
	udp := &slayers.UDP{SrcPort: 31100, DstPort: 31100}
	udp.SetNetworkLayerForChecksum(header)
	return header, udp, make(gopacket.Payload, payloadBytes)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// best gives the nanoseconds of one operation in the least disturbed of several runs.
func best(operation func(b *testing.B)) float64 {
	least := math.Inf(1)
	for run := 0; run < runs; run++ {
		result := testing.Benchmark(operation)
		least = min(least, float64(result.T.Nanoseconds())/float64(result.N))
	}
	return least
}

// checksumIsRight verifies the checksum of a UDP packet between IPv4 hosts, word by word as the
// library sums when it serialises: it has no function that verifies one.
func checksumIsRight(packet []byte) bool {
	const addressStart, addressEnd = 12, 36
	upper := packet[4*int(packet[5]):]
	sum := words(packet[addressStart:addressEnd]) + words(upper) + uint32(len(upper)) + uint32(slayers.L4UDP)
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return sum == 0xffff
}

func words(bytes []byte) uint32 {
	var sum uint32
	for i := 0; i+1 < len(bytes); i += 2 {
		sum += uint32(bytes[i])<<8 + uint32(bytes[i+1])
	}
	return sum
}

func main() {
	testing.Init()
	must(flag.Set("test.benchtime", runTime))
	header, udp, payload := packet()
	buffer := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	must(gopacket.SerializeLayers(buffer, options, header, udp, payload))
	wire := append([]byte(nil), buffer.Bytes()...)

	encodeNs := best(func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			must(gopacket.SerializeLayers(buffer, options, header, udp, payload))
		}
	})
	var into slayers.SCION
	into.RecyclePaths()
	var udpInto slayers.UDP
	var payloadInto gopacket.Payload
	parser := gopacket.NewDecodingLayerParser(slayers.LayerTypeSCION, &into, &udpInto, &payloadInto)
	found := make([]gopacket.LayerType, 0, 4)
	decodeNs := best(func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			must(parser.DecodeLayers(wire, &found))
		}
	})
	summedNs := best(func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			must(parser.DecodeLayers(wire, &found))
			if !checksumIsRight(wire) {
				panic("checksum")
			}
		}
	})
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"packetBytes": len(wire),
		"encodeNs":    encodeNs,
		"decodeNs":    decodeNs,
		"summedNs":    summedNs,
	}))
}
