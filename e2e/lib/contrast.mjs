// Contrast of the text that a page shows, by WCAG 2.2, section 1.4.3.

/** Gives every visible text of the page whose contrast is below the limit. */
export async function faintTexts(page, limit) {
  return await page.evaluate((least) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
    const brush = canvas.getContext('2d', { willReadFrequently: true });

    // Any CSS colour as red, green, blue (0 to 255) and alpha (0 to 1).
    const rgba = (colour) => {
      brush.clearRect(0, 0, 1, 1);
      brush.fillStyle = colour;
      brush.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = brush.getImageData(0, 0, 1, 1).data;
      return [red, green, blue, alpha / 255];
    };
    const over = (front, back) => front.slice(0, 3).map((c, i) => c * front[3] + back[i] * (1 - front[3]));
    const behind = (element) => {
      if (element === null) return [255, 255, 255];
      const own = rgba(getComputedStyle(element).backgroundColor);
      return own[3] === 1 ? own.slice(0, 3) : over(own, behind(element.parentElement));
    };
    const luminance = (colour) => {
      const [red, green, blue] = colour.map((c) => {
        const part = c / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const contrast = (element) => {
      const back = behind(element);
      const text = over(rgba(getComputedStyle(element).color), back);
      const [bright, dark] = [luminance(text), luminance(back)].sort((a, b) => b - a);
      return (bright + 0.05) / (dark + 0.05);
    };

    const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== '');
    return [...document.body.querySelectorAll('*')]
      .filter((element) => hasText(element) && element.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
      .map((element) => ({ text: element.textContent.trim().slice(0, 40), contrast: contrast(element) }))
      .filter((found) => found.contrast < least);
  }, limit);
}
