//! Invented exports in the layouts of real ones, with the truth about each: what a file holds, and
//! where.
//!
//! Shared by `tests/it/detection.rs` and `examples/detection.rs`. The same seed gives the same
//! files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fastrand::Rng;
use lateship::row::{Form, Reading, Row};
use lateship::source::Source;

/// An export and the truth about it.
pub(crate) struct Export {
    /// What is difficult with it.
    pub(crate) kind: &'static str,
    /// Its bytes.
    pub(crate) text: String,
    delimiter: u8,
    header_line: u64,
    header: Vec<String>,
    /// Line, cells, and whether it is data.
    rows: Vec<(u64, Vec<String>, bool)>,
}

/// How often detection was right, and the first files in which it was not.
#[derive(Default)]
pub(crate) struct Score {
    /// Right and all, by kind.
    pub(crate) kinds: BTreeMap<&'static str, (usize, usize)>,
    /// What was wrong: number of the file, kind, finding.
    pub(crate) wrong: Vec<(u64, &'static str, String)>,
}

impl Score {
    /// The share that was right, from 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        let sum = |pick: fn(&(usize, usize)) -> usize| self.kinds.values().map(pick).sum::<usize>();
        f64::from(u32::try_from(sum(|two| two.0)).unwrap_or(0))
            / f64::from(u32::try_from(sum(|two| two.1)).unwrap_or(0).max(1))
    }
}

/// Makes `count` files out of `seed`, reads each in `folder`, and compares.
pub(crate) fn score(folder: &Path, seed: u64, count: u64) -> Score {
    let mut score = Score::default();
    let path = folder.join("export.csv");
    for number in 0..count {
        let export = export(seed, number);
        fs::write(&path, &export.text).expect("a folder to write to");
        let entry = score.kinds.entry(export.kind).or_default();
        entry.1 += 1;
        match export.compare(&path) {
            Ok(()) => entry.0 += 1,
            Err(finding) => score.wrong.push((number, export.kind, finding)),
        }
    }
    score
}

impl Export {
    fn compare(&self, path: &Path) -> Result<(), String> {
        let mut source = Source::open(0, path, "export.csv", &Form::default())
            .map_err(|error| error.to_string())?;
        if source.about().dialect().delimiter != self.delimiter {
            return Err(format!(
                "delimiter {:?}, not {:?}",
                char::from(source.about().dialect().delimiter),
                char::from(self.delimiter)
            ));
        }
        if source.about().header_line() != self.header_line
            || source.about().header() != self.header
        {
            return Err(format!(
                "header in line {}, not {}",
                source.about().header_line(),
                self.header_line
            ));
        }
        let (mut row, mut rows) = (Row::default(), self.rows.iter());
        while source.read(&mut row).map_err(|error| error.to_string())? {
            let Some((line, cells, is_data)) = rows.next() else {
                return Err(format!("a row too many: {row:?}"));
            };
            let same_kind = match row.reading {
                Reading::Data => *is_data,
                Reading::Skip(_) => !*is_data,
                Reading::Flawed(_) => false,
            };
            let same = !*is_data || row.cells().eq(cells.iter().map(String::as_str));
            if row.line != *line || !same_kind || !same {
                return Err(format!(
                    "row {} in line {}, not {line}: {:?}",
                    row.number, row.line, row.reading
                ));
            }
        }
        rows.next().map_or(Ok(()), |(line, ..)| Err(format!("the row in line {line} is missing")))
    }
}

const PLATFORMS: [(&str, u8); 20] = [
    (
        "Name,Email,Financial Status,Paid at,Fulfillment Status,Currency,Subtotal,Shipping,Total,Shipping Method,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Billing Name,Billing Street,Billing City,Billing Zip,Billing Country,Billing Phone,Notes,Tags,Tax 1 Name,Tax 1 Value",
        b',',
    ),
    (
        "Sales Record Number,Order Number,Buyer Username,Buyer Name,Buyer Email,Buyer Address 1,Buyer City,Buyer State,Buyer Zip,Item Number,Item Title,Quantity,Sold For,Shipping And Handling,Total Price,Sale Date,Paid On Date,Shipping Service,Tracking Number,Transaction ID",
        b',',
    ),
    (
        "order-id,order-item-id,purchase-date,payments-date,buyer-email,buyer-phone-number,sku,product-name,quantity-purchased,quantity-shipped,ship-service-level,recipient-name,ship-address-1,ship-address-2,ship-city,ship-state,ship-postal-code,ship-country,is-business-order",
        b'\t',
    ),
    (
        "Número de orden,Email,Fecha,Estado de la orden,Moneda,Subtotal de productos,Descuento,Total,Nombre del comprador,Teléfono,Dirección,Número,Ciudad,Código postal,País,Medio de envío,Nombre del producto,Precio del producto,Cantidad del producto,SKU,Código de tracking del envío",
        b';',
    ),
    ("ID,Reference,New client,Delivery,Customer,Total,Payment,Status,Date", b';'),
    (
        "Order number,Date created,Time,Total order quantity,Contact email,Note from customer,Item,Variant,SKU,Qty,Price,Weight,Delivery method,Recipient name,Recipient phone,Delivery country,Delivery city,Delivery address,Delivery zip/postal code,Payment status,Total,Currency,Tracking number,Shipping label",
        b',',
    ),
    (
        "Sale Date,Order ID,Full Name,Number of Items,Payment Method,Date Shipped,Street 1,Street 2,Ship City,Ship State,Ship Zipcode,Ship Country,Currency,Order Value,Order Total,Status,Buyer,SKU",
        b',',
    ),
    (
        "Order ID,Customer ID,Customer Name,Customer Email,Order Date,Order Status,Subtotal (inc tax),Subtotal (ex tax),Ship Method,Payment Method,Total Quantity,Date Shipped,Billing Street 1,Billing Suburb,Billing Zip,Product Details",
        b',',
    ),
    (
        "Company,Customer,Order Date,Order Reference,Pricelist,Order Lines/Product Template,Order Lines/Quantity,Order Lines/Unit Price,Order Lines/Taxes",
        b',',
    ),
    (
        "Order - Number,Date - Order Date,Market - Store Name,Amount - Order Total,Count - Number of Items,Item - SKU,Item - Name,Item - Qty,Ship To - Name,Ship To - Address 1,Ship To - City,Ship To - Postal Code,Customer - Email,Shipment - Tracking Number,Carrier - Name",
        b',',
    ),
    (
        "Created Date,Recipient,Company,Email,Tracking Number,Cost,Status,Batch,Ship Date,Weight (oz),Zone,Tracking Status,Address Line 1,City,Zipcode,Country,Carrier,Service,Order ID",
        b',',
    ),
    (
        "Order ID,Order Status,Order Substatus,SKU ID,Seller SKU,Product Name,Variation,Quantity,SKU Unit Original Price,Order Amount,Created Time,Paid Time,Tracking ID,Shipping Provider Name,Buyer Message,Recipient,Phone #,Zipcode,Country,City,Detail Address,Package ID",
        b',',
    ),
    (
        "PO#,Order#,Order Date,Ship By,Customer Name,Customer Shipping Address,Customer Phone Number,City,State,Zip,Line#,UPC,Status,Item Description,Shipping Method,Qty,SKU,Item Cost,Tax,Carrier,Tracking Number",
        b',',
    ),
    ("lieferscheinnummer,auftrag,tracking,name,strasse,plz,ort,land", b';'),
    (
        "Auftragsnr.,Datum,Kunde,E-Mail,Telefon,Straße,PLZ,Ort,Land,Artikel,Artikelnr.,Menge,Einzelpreis,Gesamtbetrag,Versandart,Sendungsnummer",
        b';',
    ),
    (
        "Belegnr|Belegdatum|Debitor|Name 1|Strasse|PLZ|Ort|Material|Bezeichnung|Menge|Nettowert|Spediteur|Sendungsnr",
        b'|',
    ),
    (
        "SalesOrderNo,OrderDate,EmailAddress,PaymentType,BillToName,BillToAddress1,BillToCity,BillToState,BillToZipCode,ShipToName,ItemCode,QuantityOrdered,UnitPrice",
        b',',
    ),
    ("order_id,tracking_provider,tracking_number,date_shipped,status_shipped", b','),
    (
        "order_number,order_date,customer_name,customer_email,carrier,trackingnumber,product,quantity,amount",
        b'|',
    ),
    ("tracking_number,courier,email,order_id,customer_name,destination_country", b','),
];

const PEOPLE: [&str; 8] = [
    "Ada Alder",
    "Béla Birch",
    "Çem Cedar",
    "Dora Dogwood",
    "Emil Elm",
    "O'Hara Fir",
    "Grete Gorse, Dr.",
    "Müller-Hazel",
];
const ITEMS: [&str; 8] = [
    "Mug, blue",
    "Tea \"Earl\" 100 g",
    "Lamp",
    "7\" tablet",
    "Shirt; size L",
    "Vintage Tee",
    "Poster | framed",
    "Socken (2er)",
];
const STREETS: [&str; 5] = [
    "1 Example Street",
    "Hauptstr. 5",
    "Apt 3, 9 Mill Ave",
    "Calle Uno 1, piso 2",
    "Ringstraße 12 a",
];
const CITIES: [&str; 5] = ["Sampleton", "Ulm", "Exampleville", "San Muestra", "Köln"];

fn pick<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    from[rng.usize(..from.len())]
}

/// A cell as a column of that name holds it.
#[expect(clippy::too_many_lines, reason = "an arm for each kind of column")]
fn cell(rng: &mut Rng, name: &str, style: u64, number: u64) -> String {
    let name = name.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let amount = |rng: &mut Rng| {
        let (whole, cents) = (rng.u32(1..2500), rng.u32(0..100));
        match style % 4 {
            0 => format!("{whole}.{cents:02}"),
            1 if whole > 999 => format!("${},{:03}.{cents:02}", whole / 1000, whole % 1000),
            1 => format!("${whole}.{cents:02}"),
            2 => format!("{whole},{cents:02}"),
            _ => format!("{whole},{cents:02} €"),
        }
    };
    if has(&["mail"]) {
        format!("person{}@example.com", rng.u32(0..900))
    } else if has(&["date", "datum", "fecha", " at", "time", "ship by"]) {
        let (month, day) = (rng.u8(1..13), rng.u8(1..29));
        match style % 5 {
            0 => format!("2026-{month:02}-{day:02} 10:{day:02}:41 +0200"),
            1 => format!("{month}/{day}/26"),
            2 => format!("{day:02}.{month:02}.2026"),
            3 => format!("Jul-{day:02}-26"),
            _ => format!("2026-{month:02}-{day:02}T06:57:28+00:00"),
        }
    } else if has(&["track", "sendungs"]) {
        format!("94001112{:014}", rng.u64(..100_000_000_000_000))
    } else if has(&["phone", "telef", "teléf"]) {
        format!("+49 30 {}", rng.u32(1_000_000..9_999_999))
    } else if has(&["zip", "plz", "postal", "upc"]) {
        format!("{:05}", rng.u32(1000..99_999))
    } else if has(&[
        "price",
        "total",
        "amount",
        "cost",
        "value",
        "precio",
        "preis",
        "betrag",
        "wert",
        "tax",
        "sold for",
        "handling",
        "descuento",
    ]) {
        if has(&["name", "number"]) { "VAT".to_owned() } else { amount(rng) }
    } else if has(&[
        "quant", "qty", "menge", "cantidad", "count", "items", "line#", "zone", "weight",
    ]) {
        rng.u32(1..9).to_string()
    } else if has(&[
        "order-id",
        "order id",
        "order number",
        "order - number",
        "order#",
        "número de orden",
        "auftrag",
        "beleg",
        "order_",
        "record",
        "salesorder",
        "order reference",
        "reference",
        "po#",
    ]) || name == "id"
    {
        match style % 3 {
            0 => format!("{}", 100_200 + number),
            1 => format!("114-33{:05}-{:07}", number % 100_000, number),
            _ => format!("S{number:05}"),
        }
    } else if has(&["sku", "code", "artikelnr", "material", "item number", "-id", " id"]) {
        format!("SKU-{}", rng.u32(1000..9999))
    } else if has(&["item", "product", "artikel", "bezeichnung", "details"]) {
        pick(rng, &ITEMS).to_owned()
    } else if has(&["street", "address", "dirección", "stra"]) {
        pick(rng, &STREETS).to_owned()
    } else if has(&["city", "ort", "ciudad", "suburb", "county"]) {
        pick(rng, &CITIES).to_owned()
    } else if has(&["name", "recipient", "customer", "kunde", "debitor", "comprador", "buyer"]) {
        pick(rng, &PEOPLE).to_owned()
    } else if has(&["country", "land", "país", "state"]) {
        pick(rng, &["US", "DE", "Argentina", "DEU"]).to_owned()
    } else if has(&[
        "carrier",
        "courier",
        "provider",
        "service",
        "method",
        "versandart",
        "spediteur",
    ]) {
        pick(rng, &["UPS", "DHL", "USPS Ground Advantage", "FedEx"]).to_owned()
    } else if has(&["note", "message", "tags"]) {
        if rng.u8(..3) == 0 {
            pick(rng, &["Leave at door, please", "Two lines\nof a note", "ring; twice"]).to_owned()
        } else {
            String::new()
        }
    } else {
        pick(rng, &["paid", "shipped", "", "Standard"]).to_owned()
    }
}

/// How cells are quoted.
#[derive(Clone, Copy, PartialEq)]
enum Quoting {
    Never,
    Needed,
    Values,
    All,
}

struct Writer {
    text: String,
    line: u64,
    delimiter: char,
    quoting: Quoting,
    end: &'static str,
}

impl Writer {
    /// Writes a line as it stands, and gives its number.
    fn line(&mut self, line: &str) -> u64 {
        self.text.push_str(line);
        self.text.push_str(self.end);
        self.line += 1;
        self.line - 1
    }

    fn record(&mut self, cells: &[String], is_header: bool) -> u64 {
        let mut line = String::new();
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                line.push(self.delimiter);
            }
            let needed = cell.contains(['"', '\n', self.delimiter]);
            let quoted = match self.quoting {
                Quoting::Never => false,
                Quoting::Needed => needed,
                Quoting::Values => needed || !is_header,
                Quoting::All => true,
            };
            if quoted {
                line.push('"');
                line.push_str(&cell.replace('"', "\"\""));
                line.push('"');
            } else {
                line.push_str(cell);
            }
        }
        let at = self.line(&line);
        self.line += line.matches('\n').count() as u64;
        at
    }
}

const KINDS: [&str; 16] = [
    "plain",
    "plain",
    "plain",
    "one row",
    "no row",
    "title above",
    "bare delimiters above",
    "template lines above",
    "separator line",
    "description row",
    "footer",
    "put together",
    "continuation rows",
    "packed cells",
    "commas in the header",
    "trailing delimiter",
];

/// The file `number` of `seed`.
#[expect(
    clippy::too_many_lines,
    reason = "a file from its first line to its last, as it is written"
)]
pub(crate) fn export(seed: u64, number: u64) -> Export {
    let rng = &mut Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(number));
    let kind = KINDS[usize::try_from(number).unwrap_or(0) % KINDS.len()];
    let (names, own) = PLATFORMS[rng.usize(..PLATFORMS.len())];
    let between = if names.contains('|') { '|' } else { ',' };
    let mut header: Vec<String> = names.split(between).map(str::to_owned).collect();
    let mut delimiter = if rng.u8(..4) == 0 { *rng.choice(b",;\t|").unwrap_or(&b',') } else { own };
    if kind == "commas in the header" {
        delimiter = b';';
        let last = header.len() - 1;
        for at in [1, 2, last] {
            header[at] = format!("{} (required, must be valid, always)", header[at]);
        }
    }
    let quoting = match (delimiter, rng.u8(..3)) {
        (b'\t', 0 | 1) => Quoting::Never,
        (_, 0) => Quoting::Values,
        (_, 1) => Quoting::All,
        _ => Quoting::Needed,
    };
    let style = rng.u64(..60);
    let end = ["\n", "\r\n", "\n", "\r\n", "\r"][rng.usize(..5)];
    let count = match kind {
        "one row" => 1,
        "no row" => 0,
        _ => [2, 3, 5, 12, 40, 200][rng.usize(..6)],
    };
    let mut out =
        Writer { text: String::new(), line: 1, delimiter: delimiter.into(), quoting, end };
    if rng.u8(..4) == 0 {
        out.text.push('\u{FEFF}');
    }
    let columns = header.len();
    let wide = |text: &[&str]| {
        let mut cells: Vec<String> = text.iter().map(|cell| (*cell).to_owned()).collect();
        cells.resize(columns, String::new());
        cells
    };
    let bare = wide(&[]);
    let above = |out: &mut Writer, rng: &mut Rng| match kind {
        "title above" => {
            out.line(pick(
                rng,
                &[
                    "Sales report, 2026-11-01 to 2026-11-30",
                    "Orders of Example Shop",
                    "Versandliste 11/2026",
                ],
            ));
            if rng.bool() {
                out.line("Shop: example.com");
            }
            if rng.bool() {
                out.line("");
            }
        }
        "bare delimiters above" => {
            let line = if rng.bool() {
                String::from(out.delimiter).repeat(columns - 1)
            } else {
                String::new()
            };
            out.line(&line);
        }
        "template lines above" => {
            out.record(
                &wide(&["TemplateType=OrderFulfillment", "Version=2026.1102", "For the program"]),
                true,
            );
            let labels: Vec<String> = (0..columns)
                .map(|at| format!("見出し{}", ["あ", "い", "う", "え"][at % 4].repeat(at / 4 + 1)))
                .collect();
            out.record(&labels, true);
        }
        "separator line" => {
            let line = format!("sep={}", out.delimiter);
            out.line(&line);
        }
        _ => {}
    };
    // Names for machines, where labels stand above them.
    if kind == "template lines above" {
        let machine = |name: &String| {
            name.chars()
                .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
                .collect::<String>()
        };
        header = header
            .iter()
            .enumerate()
            .map(|(at, name)| format!("x{at}-{}", machine(name).trim_matches('-')))
            .collect();
    }
    let kinds_of_cells: Vec<String> = names.split(between).map(str::to_owned).collect();
    above(&mut out, rng);
    let mut written = header.clone();
    if kind == "trailing delimiter" {
        written.push(String::new());
    }
    let header_line = out.record(&written, true);
    let mut rows = Vec::new();
    if kind == "bare delimiters above" && rng.bool() {
        rows.push((out.record(&bare, false), Vec::new(), false));
    }
    if kind == "description row" {
        let words: Vec<String> = header
            .iter()
            .map(|name| format!("The {} of this line.", name.to_lowercase()))
            .collect();
        rows.push((out.record(&words, false), words, false));
    }
    for part in 0..if kind == "put together" { 2 } else { 1 } {
        if part > 0 {
            let mark = if quoting == Quoting::Never || rng.bool() { "" } else { "\u{FEFF}" };
            out.text.push_str(mark);
            rows.push((out.record(&written, true), Vec::new(), false));
        }
        for index in 0..count {
            let mut cells: Vec<String> =
                kinds_of_cells.iter().map(|name| cell(rng, name, style, index)).collect();
            if quoting == Quoting::Never {
                for cell in &mut cells {
                    *cell = cell.replace(['\n', '\t'], " ");
                }
            }
            if kind == "packed cells" {
                let last = cells.len() - 1;
                cells[last] =
                    format!("id:{index}|name:Mug|qty:1;id:7|name:Tea|qty:{};", rng.u8(1..9));
            }
            if kind == "continuation rows" && index % 2 == 1 {
                let keep = rng.usize(1..cells.len());
                for (at, cell) in cells.iter_mut().enumerate() {
                    if at != 0 && at != keep {
                        cell.clear();
                    }
                }
            }
            if cells.iter().all(String::is_empty) {
                cells[0].push('x');
            }
            if kind == "trailing delimiter" {
                cells.push(String::new());
            }
            rows.push((out.record(&cells, false), cells, true));
        }
        if kind == "footer" || kind == "put together" && header.len() >= 8 && rng.bool() {
            out.line("");
            let count = count.to_string();
            let line = match rng.u8(..2) {
                0 => [count.as_str(), "record(s) downloaded", "from Jul-25-26 to Jul-26-26"]
                    .join(&String::from(out.delimiter)),
                _ => format!("{count} record(s) downloaded"),
            };
            rows.push((out.line(&line), Vec::new(), false));
            rows.push((out.line("Seller ID : example_shop"), Vec::new(), false));
        }
    }
    if rng.u8(..3) == 0 && kind != "footer" {
        out.text.truncate(out.text.len() - end.len());
    }
    Export { kind, text: out.text, delimiter, header_line, header: written, rows }
}
