// code and tables that are wider than their place: the keyboard reaches them, too
addEventListener("load", () => {
  for (const place of document.querySelectorAll("pre, .table-wrapper, .output, .highlight"))
    if (place.scrollWidth > place.clientWidth) place.tabIndex = 0;
});
