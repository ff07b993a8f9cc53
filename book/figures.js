function (name) {
  for (const figure of document.querySelectorAll("#" + name)) {
    if (figure.dataset.live) continue; // the same cell's output may be on a page twice
    figure.dataset.live = "yes";
    const data = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
    const picture = figure.querySelector(".moving-picture");
    const caption = figure.querySelector("figcaption");
    const rows = data.names.map((name, i) => slider(name, data.values[i]));
    const inputs = rows.map((row) => row.querySelector("input"));
    caption.after(...rows);

    function show() {
      const index = inputs.reduce((sum, input, i) => sum * data.sizes[i] + Number(input.value), 0);
      const lines = [];
      const row = data.frames[index]; // from which line, how many, from which line, ...
      for (let i = 0; i < row.length; i += 2) {
        lines.push(...data.lines.slice(row[i], row[i] + row[i + 1]));
      }
      picture.innerHTML = lines.join("\n");
      caption.innerHTML = data.captions[index];
      rows.forEach((row, i) => {
        const value = data.values[i][inputs[i].value];
        row.querySelector("output").textContent = value;
        inputs[i].setAttribute("aria-valuetext", value);
      });
      figure.dataset.frame = index;
    }

    let rest = data.still;
    for (let i = rows.length - 1; i >= 0; i--) {
      inputs[i].max = data.sizes[i] - 1;
      inputs[i].value = rest % data.sizes[i];
      rest = Math.floor(rest / data.sizes[i]);
      inputs[i].addEventListener("input", show);
      rows[i].querySelectorAll("button").forEach((button, forward) => {
        button.addEventListener("click", () => {
          inputs[i].value = Number(inputs[i].value) + (forward ? 1 : -1);
          show();
        });
      });
    }
    show();
  }

  function slider(name, values) {
    const row = document.createElement("div");
    row.className = "moving-slider";
    const label = row.appendChild(document.createElement("span"));
    label.textContent = name;
    const parts = [
      ["button", "button", ": back", "\u25C0\uFE0E"],
      ["input", "range", "", ""],
      ["button", "button", ": forward", "\u25B6\uFE0E"],
    ];
    for (const [tag, type, what, sign] of parts) {
      const part = row.appendChild(document.createElement(tag));
      part.type = type;
      part.setAttribute("aria-label", name + what);
      part.textContent = sign;
    }
    const output = row.appendChild(document.createElement("output"));
    const longest = Math.max(...values.map((value) => value.length));
    output.style.minWidth = longest + "ch"; // so that the buttons stay where they are
    return row;
  }
}
