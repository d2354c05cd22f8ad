"""What is measured on a page: run in the page itself, each gives a list of faults in words."""

OVERFLOW = """() => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  return wide > 0 ? [`scrolls sideways by ${wide} px`] : [];
}"""

# WCAG 2.2: relative luminance, and the contrast of every text that is shown against what lies behind it.
CONTRAST = """() => {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.a > 0.99) return colour;
    }
    return parse(getComputedStyle(document.body).backgroundColor);
  };
  const light = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const faults = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let texts = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const words = walker.currentNode.textContent.trim();
    if (!words || !element.checkVisibility({ visibilityProperty: true })) continue;
    texts += 1;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faults.push(`${ratio.toFixed(2)}:1 for "${words.slice(0, 30)}"`);
  }
  if (texts < 5) faults.push(`only ${texts} texts were looked at`);
  return faults;
}"""

# Links inside a sentence are as high as their line; a choice is hit by its whole label; all else is its own target.
SMALL_TARGETS = """() => {
  const faults = [];
  const targets = "a, button, input:not([type=hidden]), select, textarea, summary, .choice";
  for (const one of document.querySelectorAll(targets)) {
    if (!one.checkVisibility({ visibilityProperty: true }) || one.matches(".skip, .choice input")) continue;
    const sentence = one.closest("p:not(.crumb):not(.actions), .where");
    if (one.matches("a:not(.button)") && sentence) continue;
    const { width, height } = one.getBoundingClientRect();
    if (width < 43.5 || height < 43.5) {
      faults.push(`${Math.round(width)}x${Math.round(height)} for ${one.outerHTML.slice(0, 80)}`);
    }
  }
  return faults;
}"""
