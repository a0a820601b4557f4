import type uPlot from 'uplot'

/** A colour of the style sheet as a canvas understands it, in the appearance in use. */
export function colourOf(element: HTMLElement, name: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${name})`
  probe.hidden = true
  element.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

/** How much larger letters are than on a desk: a wall screen is read from across the room. */
export function letterScale(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16
}

/** The same colour, let through to `alpha` of its strength. */
function faded(colour: string, alpha: number): string {
  const [red = '0', green = '0', blue = '0'] = colour.match(/[\d.]+/g) ?? []
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`
}

/** The colour of drawing above zero, that of feeding in below. */
export function signedStroke(plot: uPlot, element: HTMLElement): CanvasGradient | string {
  return split(plot, colourOf(element, '--drawn'), colourOf(element, '--fed'))
}

/** The ground between the curve and zero. */
export function areaFill(
  plot: uPlot,
  element: HTMLElement,
  alpha: number,
): CanvasGradient | string {
  const [drawn, fed] = [colourOf(element, '--drawn'), colourOf(element, '--fed')]
  return split(plot, faded(drawn, alpha), faded(fed, alpha))
}

/** One colour above the line of zero and another below; a canvas knows no other way. */
function split(plot: uPlot, above: string, below: string): CanvasGradient | string {
  const { top, height } = plot.bbox
  const zero = plot.valToPos(0, 'y', true)
  if (!(height > 0) || !Number.isFinite(zero)) return above
  const at = Math.min(1, Math.max(0, (zero - top) / height))
  const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height)
  gradient.addColorStop(0, above)
  gradient.addColorStop(at, above)
  gradient.addColorStop(at, below)
  gradient.addColorStop(1, below)
  return gradient
}
