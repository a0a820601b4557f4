import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { decimal } from '../../src/index.ts'
import { parseQuantity } from '../../src/iec62056-21/value.ts'

function words(text: string): string | undefined {
  const quantity = parseQuantity(text)
  return quantity === undefined ? undefined : `${decimal(quantity)} ${quantity.unit}`.trim()
}

describe('a value in brackets', () => {
  it('loses the prefix of its unit, and nothing of its digits', () => {
    assert.equal(words('0001234.567*kWh'), '1234567 Wh')
    assert.equal(words('0000.049*kHz'), '49 Hz')
    assert.equal(words('0000.242*kV'), '242 V')
    assert.equal(words('0000.005*kA'), '5 A')
    assert.equal(words('-000128.41*W'), '-128.41 W')
    assert.equal(words('0029.055*MWh'), '29055000 Wh')
  })

  it('may spell its unit in any case, where milli and mega cannot be mixed up', () => {
    assert.equal(words('00000857.557*kVArh'), '857557 varh')
    assert.equal(words('0000.314*kVAr'), '314 var')
    assert.equal(words('024562 kwh'), '24562000 Wh')
  })

  it('is no number where the unit is not known or the digits do not fit', () => {
    for (const text of ['TARIFF 1', '12*furlong', '1.2.3*V', '', '1e3*W', '9'.repeat(19)]) {
      assert.equal(words(text), undefined)
    }
  })
})
