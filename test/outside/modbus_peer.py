"""The other end of a Modbus line: a server or a client by pymodbus, told by the command line.

modbus_peer.py serve PORT   serves input registers 0 to 400 of unit 7: at address A the value A + 0.25
modbus_peer.py read PORT    reads 40 values of unit 7 and prints them as a JSON list
"""
import json
import sys

from pymodbus.client import ModbusTcpClient
from pymodbus.constants import Endian
from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.payload import BinaryPayloadBuilder, BinaryPayloadDecoder
from pymodbus.server import StartTcpServer

UNIT = 7


def serve(port):
    builder = BinaryPayloadBuilder(byteorder=Endian.Big, wordorder=Endian.Big)
    for address in range(0, 400, 2):
        builder.add_32bit_float(address + 0.25)
    block = ModbusSequentialDataBlock(0, builder.to_registers())
    slave = ModbusSlaveContext(ir=block, zero_mode=True)
    StartTcpServer(
        context=ModbusServerContext(slaves={UNIT: slave}, single=False),
        address=("127.0.0.1", port),
    )


def read(port):
    client = ModbusTcpClient("127.0.0.1", port=port)
    client.connect()
    answer = client.read_input_registers(0, 80, slave=UNIT)
    decoder = BinaryPayloadDecoder.fromRegisters(
        answer.registers, byteorder=Endian.Big, wordorder=Endian.Big
    )
    values = [decoder.decode_32bit_float() for _ in range(40)]
    # JSON has no NaN, which stands for a value that the meter does not measure.
    print(json.dumps([None if value != value else value for value in values]))
    client.close()


if __name__ == "__main__":
    {"serve": serve, "read": read}[sys.argv[1]](int(sys.argv[2]))
