import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  accept, counter, destinationIn, destinationIs, destinationNat, destinationPortIs, familyIs, headerProtocolIs, keepSourceIn, leavesTheHost, markIs, masquerade, notrack, oneIn, protocolIs, sourceIs, sourcePortIs,
  type Expression,
} from './expressions.ts'

const US = Uint8Array.of(169, 254, 20, 10)

/** What `nft --debug=mnl` shows between the header of the list and its end, for the rule text after `add rule inet t c`. */
const GOLDEN: readonly { readonly nft: string; readonly netlink: string; readonly ours: readonly Expression[]; readonly hex: string }[] = [
  {
    nft: 'meta mark 0x3001', netlink: '[ meta load mark => reg 1 ] [ cmp eq reg 1 0x00003001 ]', ours: markIs(0x3001),
    hex: '24000180090001006d6574610000000014000280080002000000000308000100000000012c00018008000100636d700020000280080001000000000108000200000000000c0003800800010001300000',
  },
  {
    nft: 'meta l4proto udp', netlink: '[ meta load l4proto => reg 1 ] [ cmp eq reg 1 0x00000011 ]', ours: protocolIs('udp'),
    hex: '24000180090001006d6574610000000014000280080002000000001008000100000000012c00018008000100636d700020000280080001000000000108000200000000000c0003800500010011000000',
  },
  {
    nft: 'udp sport 53', netlink: '[ payload load 2b @ transport header + 0 => reg 1 ] [ cmp eq reg 1 0x00003500 ]', ours: sourcePortIs(53),
    hex: '340001800c0001007061796c6f6164002400028008000100000000010800020000000002080003000000000008000400000000022c00018008000100636d700020000280080001000000000108000200000000000c0003800600010000350000',
  },
  {
    nft: 'meta nfproto ipv4', netlink: '[ meta load nfproto => reg 1 ] [ cmp eq reg 1 0x00000002 ]', ours: familyIs(4),
    hex: '24000180090001006d6574610000000014000280080002000000000f08000100000000012c00018008000100636d700020000280080001000000000108000200000000000c0003800500010002000000',
  },
  {
    nft: 'ip daddr 169.254.20.10', netlink: '[ payload load 4b @ network header + 16 => reg 1 ] [ cmp eq reg 1 0x0a14fea9 ]', ours: destinationIs(US),
    hex: '340001800c0001007061796c6f6164002400028008000100000000010800020000000001080003000000001008000400000000042c00018008000100636d700020000280080001000000000108000200000000000c00038008000100a9fe140a',
  },
  {
    nft: 'ip saddr 169.254.20.10', netlink: '[ payload load 4b @ network header + 12 => reg 1 ] [ cmp eq reg 1 0x0a14fea9 ]', ours: sourceIs(US),
    hex: '340001800c0001007061796c6f6164002400028008000100000000010800020000000001080003000000000c08000400000000042c00018008000100636d700020000280080001000000000108000200000000000c00038008000100a9fe140a',
  },
  {
    nft: 'udp dport 53', netlink: '[ payload load 2b @ transport header + 2 => reg 1 ] [ cmp eq reg 1 0x00003500 ]', ours: destinationPortIs(53),
    hex: '340001800c0001007061796c6f6164002400028008000100000000010800020000000002080003000000000208000400000000022c00018008000100636d700020000280080001000000000108000200000000000c0003800600010000350000',
  },
  {
    nft: '@nh,72,8 17', netlink: '[ payload load 1b @ network header + 9 => reg 1 ] [ cmp eq reg 1 0x00000011 ]', ours: headerProtocolIs('udp', 4),
    hex: '340001800c0001007061796c6f6164002400028008000100000000010800020000000001080003000000000908000400000000012c00018008000100636d700020000280080001000000000108000200000000000c0003800500010011000000',
  },
  {
    nft: 'oif != lo', netlink: '[ meta load oif => reg 1 ] [ cmp neq reg 1 0x00000001 ]', ours: leavesTheHost(),
    hex: '24000180090001006d6574610000000014000280080002000000000508000100000000012c00018008000100636d700020000280080001000000000108000200000000010c0003800800010001000000',
  },
  {
    nft: 'numgen random mod 2 0', netlink: '[ numgen reg 1 = random mod 2 ] [ cmp eq reg 1 0x00000000 ]', ours: oneIn(2),
    hex: '340001800b0001006e756d67656e00002400028008000100000000010800020000000002080003000000000108000400000000002c00018008000100636d700020000280080001000000000108000200000000000c0003800800010000000000',
  },
  { nft: 'counter', netlink: '[ counter pkts 0 bytes 0 ]', ours: [counter()], hex: '140001800c000100636f756e7465720004000280' },
  { nft: 'masquerade', netlink: '[ masq ]', ours: [masquerade()], hex: '14000180090001006d6173710000000004000280' },
  { nft: 'accept', netlink: '[ immediate reg 0 accept ]', ours: [accept()], hex: '300001800e000100696d6d6564696174650000001c0002800800010000000000100002800c0002800800010000000001' },
]

describe('expressions are the octets that nft sends', () => {
  for (const { nft, netlink, ours, hex } of GOLDEN) {
    test(`${nft}: ${netlink}`, () => assert.equal(Buffer.concat(ours).toString('hex'), hex))
  }

  test('notrack: [ notrack ]; nft leaves out the empty list of attributes, which the kernel takes', () => {
    assert.equal(notrack().toString('hex'), '140001800c0001006e6f747261636b0004000280')
  })

  test('sets are named; nft adds the number that a set has in its transaction', () => {
    // nft --debug=mnl add rule inet t c ip daddr @lease4: [ payload load 4b @ network header + 16 => reg 1 ] [ lookup reg 1 set lease4 ]
    assert.equal(destinationIn('lease4', 4)[1]!.toString('hex'), '280001800b0001006c6f6f6b757000001800028008000200000000010b0001006c65617365340000')
    // nft --debug=mnl add rule inet t c update @lease4 { ip saddr timeout 2s }: [ dynset update reg_key 1 set lease4 timeout 2000ms ]
    assert.equal(keepSourceIn('lease4', 4, 2000)[1]!.toString('hex'), '3c0001800b00010064796e73657400002c000280080004000000000108000300000000010c00060000000000000007d00b0001006c65617365340000')
  })

  test('dnat to 10.0.0.1:53: [ immediate reg 1 0x0100000a ] [ immediate reg 2 0x00003500 ] [ nat dnat ip addr_min reg 1 proto_min reg 2 ]; nft adds a flag that the kernel sets', () => {
    const [address, port, nat] = destinationNat(Uint8Array.of(10, 0, 0, 1), 53).map((each) => each.toString('hex'))
    assert.equal(address, '2c0001800e000100696d6d6564696174650000001800028008000100000000010c000280080001000a000001')
    assert.equal(port, '2c0001800e000100696d6d6564696174650000001800028008000100000000020c0002800600010000350000')
    assert.equal(nat, '30000180080001006e6174002400028008000100000000010800020000000002080003000000000108000500000000' + '02')
  })
})
