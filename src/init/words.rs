//! What the words in column names mean: a dictionary of English, German, French, Spanish, Italian,
//! Portuguese, Dutch and Polish, and a column's name taken apart by it.
//!
//! Words are compared in lower case without accents, with `ae`, `oe` and `ue` as the bare vowel. A
//! phrase is tried before its words, a compound (`Rechnungsstraße`) is cut into words that are all
//! known, and a word that is unknown may be a misspelt one. `names` weighs what comes of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

/// What a word in a column's name can stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Concept {
    Order,
    Number,
    Date,
    Time,
    Customer,
    Ship,
    Bill,
    Name,
    First,
    Last,
    Email,
    Phone,
    Tracking,
    Carrier,
    Method,
    Product,
    Sku,
    Quantity,
    Count,
    Price,
    Cost,
    Unit,
    Subtotal,
    Total,
    Payment,
    Status,
    Fulfilment,
    Street,
    HouseNumber,
    One,
    Two,
    City,
    State,
    Zip,
    Country,
    Image,
    Url,
    Company,
    /// Something that no field of the webhook holds: tax, discount, weight, notes.
    Other,
    /// Words that say nothing: of, the, de, la.
    Noise,
}

use Concept as C;

const DICTIONARY: &[(Concept, &str)] = &[
    (
        C::Order,
        "zam order orders purchase sale sales bestellung bestellungs bestell auftrag auftrags commande commandes pedido pedidos \
         orden ordine ordini encomenda bestelling bestel zamowienie zamowienia zamowien salesorder purchaseorder",
    ),
    (
        C::Number,
        "cod n folio rif number no nr num id ids numero reference ref referenz kennung identifier identificador identifiant numer nummer code \
         codigo codice referencia riferimento referentie increment kod",
    ),
    (
        C::Date,
        "date dates datum tag fecha data dato created createdat createdon placedon placedat orderedon angelegt erstellt bestellt cree creado \
         criado aangemaakt utworzono dzien processedat purchasedate orderdate soldon verkauftam receiveddate timestamp",
    ),
    (C::Time, "time uhrzeit zeit heure hora ora tijd godzina czas"),
    (
        C::Customer,
        "nabywca nabywcy purchasername nominativo customer buyer client kunde kunden kaufer cliente acheteur comprador acquirente compratore klant koper klient klienta \
         kupujacy kupujacego besteller contact kontakt contacto contatto user purchaser consumer",
    ),
    (
        C::Ship,
        "shipping ship shipto shipment delivery deliver recipient receiver consignee postto destination dest versand liefer \
         lieferung lieferadresse lieferanschrift empfanger livraison envoi expedition destinataire envio entrega destinatario \
         spedizione consegna destinazione verzend verzending bezorg bezorging aflever ontvanger dostawa dostawy wysylka \
         wysylki odbiorca odbiorcy",
    ),
    (
        C::Bill,
        "fakturze billing bill billto invoice rechnung rechnungs rechnungsadresse rechnungsanschrift facturation factura facturacion \
         fatturazione fatturazion fatturacao faturacao cobranca factuur facturatie faktura faktury rozliczenia platnika payer",
    ),
    (C::Name, "name names fullname nom nombre nome naam nazwa attention addressee"),
    (
        C::First,
        "first firstname given givenname forename vorname prenom primer nombredepila voornaam imie nomedibattesimo",
    ),
    (
        C::Last,
        "last lastname surname familyname family nachname zuname familienname nomdefamille apellido apellidos cognome sobrenome \
         achternaam nazwisko",
    ),
    (
        C::Email,
        "postaelettronica adresseelectronique email emails mail emailaddress emailadresse courriel correo correoelectronico epost adresseemail adresemail",
    ),
    (
        C::Phone,
        "telemovel recapito ruf contactnumber rufnr phone phones telephone tel mobile cell cellphone phonenumber telefon telefonnummer handy mobil telefono telefone celular \
         movil portable cellulare telefoon telefoonnummer komorka rufnummer phoneno",
    ),
    (
        C::Tracking,
        "tracking track trackingnumber trackingcode trackingid trackingno trackandtrace sendungsnummer sendungs sendung \
         sendungsverfolgung paketnummer frachtbrief suivi numerodesuivi seguimiento rastreo rastreamento rastreio guia \
         tracciamento tracciatura tracking lettradivettura volg volgnummer barcode sledzenia przesylki paczki waybill awb parcel \
         consignment colis label",
    ),
    (
        C::Carrier,
        "carrier carriers courier provider shipper transporteur transportista transportadora vettore corriere przewoznik \
         przewoznika kurier vervoerder spediteur spedition paketdienst versanddienstleister versandunternehmen zusteller \
         dienstleister logistics carriername shippingcompany companiadeenvio mensajeria frachtfuhrer shipvia",
    ),
    (
        C::Method,
        "method service versandart art lieferart mode methode metodo medio modo mezzo servicio servizio servico sposob methodtitle \
         option",
    ),
    (
        C::Product,
        "towarow product item items article articles artikel produkt produit articolo articoli prodotto producto articulo produto \
         artigo lineitem title bezeichnung artikelbezeichnung artikelname titel towar towaru produktu description designation \
         descripcion descrizione descricao omschrijving opis ware goods",
    ),
    (
        C::Sku,
        "sku skus artikelnummer artikelnr artnr itemnumber articlenumber customlabel partnumber ean upc asin gtin",
    ),
    (
        C::Quantity,
        "unidades qta qtd stk sztuk szt unidade quantity qty menge anzahl stuckzahl stuck quantite qte cantidad quantita quantidade qtde aantal hoeveelheid ilosc units \
         pieces pcs",
    ),
    (
        C::Count,
        "numberofitems itemcount totalitems itemstotal anzahlartikel nombredarticles totalquantity totalorderquantity artikelanzahl count",
    ),
    (
        C::Price,
        "price preis prix precio prezzo preco prijs cena einzelpreis stuckpreis unitprice eenheidsprijs",
    ),
    (
        C::Cost,
        "cost costs fee fees charge charges kosten frais costo costos coste spese costi custo kosten koszt koszty porto postage \
         freight versandkosten fracht frachtkosten verzendkosten portokosten liefergebuhr rate handling gebuhr",
    ),
    (C::Unit, "unit each einzel stuck unitaire unitario unitaria eenheid jednostkowa per"),
    (
        C::Subtotal,
        "sumaparcial imponibile goodsvalue subtotal subtotaal zwischensumme warenwert nettosumme soustotal subtotale sumaczesciowa goodstotal merchandise itemtotal \
         positionssumme warenbetrag ordervalue",
    ),
    (
        C::Total,
        "grand endsumme total totals amount sum summe gesamt gesamtsumme gesamtbetrag gesamtpreis betrag endbetrag montant totale importe importo \
         valor totaal bedrag totaalbedrag suma kwota razem grandtotal ordertotal value rechnungsbetrag wartosc ttc",
    ),
    (
        C::Payment,
        "payment paid pay financial zahlung zahlungs zahl bezahl bezahlt paiement pago pagamento betaling betaal platnosc \
         platnosci pagado",
    ),
    (C::Status, "status state estado etat stato staat statut situacao statuts zustand stan"),
    (
        C::Fulfilment,
        "fulfillment fulfilment package fulfilled paket parcelstatus lieferstatus versandstatus",
    ),
    (
        C::Street,
        "road street address adresse addr strasse str anschrift rue calle direccion via indirizzo rua endereco straat adres ulica \
         streetaddress morada domicilio addressline strassehausnummer",
    ),
    (C::HouseNumber, "housenumber houseno hausnummer hausnr huisnummer numerodomu numerocivico"),
    (C::One, "1"),
    (
        C::Two,
        "2 suite apartment apt adresszusatz zusatz complement complemento toevoeging additional extra interno piso floor lok \
         addressaddition",
    ),
    (
        C::City,
        "municipality city town suburb ort stadt wohnort lieferort ville ciudad citta localidad localita comune cidade municipio plaats stad \
         woonplaats miasto miejscowosc",
    ),
    (
        C::State,
        "district distrito distretto okreg province county region bundesland kanton provincia provinz departement comunidad regione provincie wojewodztwo uf \
         estadoprovincia stateprovince",
    ),
    (
        C::Zip,
        "zip zipcode postcode postalcode postal plz postleitzahl codepostal codigopostal cp cap cep postcode kodpocztowy \
         pocztowy postnummer codicepostale zippostalcode pincode",
    ),
    (
        C::Country,
        "country land staat pays pais paese nazione kraj nation countrycode landescode landcode countryregion",
    ),
    (
        C::Image,
        "image picture photo thumbnail bild foto imagen immagine imagem afbeelding obraz zdjecie",
    ),
    (C::Url, "url link uri adresse www href"),
    (
        C::Company,
        "company firma entreprise societe empresa azienda bedrijf organisation organization business ragionesociale",
    ),
    (
        C::Other,
        "username userid nickname login return returns cancellation tax taxes vat mwst ust steuer tva iva imposto btw podatek discount rabatt remise descuento sconto desconto korting \
         rabat weight gewicht poids peso waga note notes notiz bemerkung comment comments nota opmerking currency wahrung \
         devise moneda valuta waluta refund refunded coupon voucher gift variant variation attributes tags marketing \
         birthday gender ip latitude longitude width height length dimensions batch zone risk source channel store vendor \
         warehouse lager outstanding duties receipt compare estimated expected due cancelled canceled cancelat deadline \
         updated modified geandert modifie exported printed fulfillby internal ean packed weekday",
    ),
    (
        C::Noise,
        "text placed the of de la le les du des del della dei di da do das dos el los van het een von der den dem fur for to an a in at on and \
         und et y e i o w na z nad pour para per voor our your line full complete data field info information details detail \
         custom new type",
    ),
];

static WORDS: LazyLock<HashMap<String, Concept>> = LazyLock::new(|| {
    let mut words = HashMap::new();
    for (concept, list) in DICTIONARY {
        for word in list.split_whitespace() {
            words.entry(folded(word)).or_insert(*concept);
        }
    }
    words
});

/// A column's name, understood.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Meaning {
    /// What its words stand for, and how often.
    pub(super) concepts: BTreeMap<Concept, usize>,
    /// Words that are not known.
    pub(super) unknown: usize,
    /// 1 where every word was known as it stands, less where it took a guess.
    pub(super) trust: f64,
}

impl Meaning {
    /// Takes a column's name apart.
    pub(super) fn of(name: &str) -> Self {
        let words = words(name);
        let mut meaning = Self { trust: 1.0, ..Self::default() };
        let mut at = 0;
        while at < words.len() {
            let phrase = (1..=4.min(words.len() - at)).rev().find_map(|count| {
                let concept = WORDS.get(&words[at..at + count].concat())?;
                Some((count, *concept))
            });
            if let Some((count, concept)) = phrase {
                meaning.add(concept);
                at += count;
                continue;
            }
            meaning.word(&words[at]);
            at += 1;
        }
        meaning
    }

    /// Whether it has that concept.
    pub(super) fn has(&self, concept: Concept) -> bool {
        self.concepts.contains_key(&concept)
    }

    /// Whether nothing of it is understood.
    pub(super) fn is_empty(&self) -> bool {
        self.concepts.is_empty()
    }

    fn add(&mut self, concept: Concept) {
        if concept != Concept::Noise {
            *self.concepts.entry(concept).or_default() += 1;
        }
    }

    fn word(&mut self, word: &str) {
        if let Some(parts) = compound(word) {
            for part in parts {
                self.add(part);
            }
        } else if let Some(concept) = misspelt(word) {
            self.add(concept);
            self.trust *= 0.9;
        } else {
            self.unknown += 1;
        }
    }
}

/// Letters in lower case without accents, `ae`, `oe`, `ue` as one vowel.
pub(super) fn folded(word: &str) -> String {
    let mut plain = String::with_capacity(word.len());
    for c in word.chars().flat_map(char::to_lowercase) {
        match c {
            'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ą' | 'æ' => plain.push('a'),
            'ç' | 'ć' | 'č' => plain.push('c'),
            'è' | 'é' | 'ê' | 'ë' | 'ę' => plain.push('e'),
            'ì' | 'í' | 'î' | 'ï' => plain.push('i'),
            'ł' => plain.push('l'),
            'ñ' | 'ń' => plain.push('n'),
            'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'œ' => plain.push('o'),
            'ś' | 'š' => plain.push('s'),
            'ù' | 'ú' | 'û' | 'ü' => plain.push('u'),
            'ź' | 'ż' | 'ž' => plain.push('z'),
            'ß' => plain.push_str("ss"),
            c => plain.push(c),
        }
    }
    plain.replace("ae", "a").replace("oe", "o").replace("ue", "u")
}

/// The words of a name: cut at all that is no letter, at digits, and where capitals begin; `#` is a
/// number.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    for c in name.chars() {
        let cut = !c.is_alphanumeric() && c != '\u{FFFD}'
            || c.is_uppercase() && before.is_lowercase()
            || c.is_ascii_digit() != before.is_ascii_digit();
        if cut && !word.is_empty() {
            words.push(folded(&std::mem::take(&mut word)));
        }
        match c {
            '#' => words.push("number".to_owned()),
            '°' | 'º' => {}
            c if c.is_alphanumeric() || c == '\u{FFFD}' => word.push(c),
            _ => {}
        }
        before = c;
    }
    if !word.is_empty() {
        words.push(folded(&word));
    }
    words
}

/// What the words stand for of which `word` is put together, if all of them are known.
fn compound(word: &str) -> Option<Vec<Concept>> {
    if !word.is_ascii() || word.len() < 6 {
        return None;
    }
    // For each place the way there with the fewest words.
    let mut ways: Vec<Option<Vec<Concept>>> = vec![None; word.len() + 1];
    ways[0] = Some(Vec::new());
    for start in 0..word.len() {
        let Some(way) = ways[start].clone() else { continue };
        for end in start + 2..=word.len() {
            let part = &word[start..end];
            let Some(concept) =
                WORDS.get(part).filter(|concept| part.len() > 2 || **concept == Concept::Number)
            else {
                continue;
            };
            if *concept == Concept::Noise && part.len() < 4 {
                continue;
            }
            let links = ["", "s", "n", "en", "er", "e"];
            for link in links.into_iter().filter(|link| word[end..].starts_with(link)) {
                let to = end + link.len();
                let shorter = ways[to].as_ref().is_none_or(|other| other.len() > way.len() + 1);
                if shorter && (link.is_empty() || to < word.len()) {
                    let mut longer = way.clone();
                    longer.push(*concept);
                    ways[to] = Some(longer);
                }
            }
        }
    }
    ways.pop().flatten()
}

/// What the known word stands for that differs from `word` by a letter or two.
fn misspelt(word: &str) -> Option<Concept> {
    let letters = word.chars().count();
    if letters < 5 {
        return None;
    }
    let near = WORDS
        .iter()
        .filter(|(known, concept)| {
            known.len() >= 5 && known.len().abs_diff(word.len()) <= 3 && **concept != Concept::Noise
        })
        .map(|(known, concept)| {
            (strsim::normalized_damerau_levenshtein(word, known), known, *concept)
        })
        .filter(|(likeness, ..)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)));
    near.map(|(.., concept)| concept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concepts(name: &str) -> Vec<Concept> {
        Meaning::of(name).concepts.into_keys().collect()
    }

    #[test]
    fn names_in_many_languages_are_understood() {
        for (name, expected) in [
            ("Order ID", &[C::Order, C::Number][..]),
            ("Order#", &[C::Order, C::Number]),
            ("Bestellnummer", &[C::Order, C::Number]),
            ("Número de orden", &[C::Order, C::Number]),
            ("Numer zamówienia", &[C::Order, C::Number]),
            ("Rechnungsstraße", &[C::Bill, C::Street]),
            ("Rechnungsstrasse", &[C::Bill, C::Street]),
            ("Ship To - Postal Code", &[C::Ship, C::Zip]),
            ("shipToPostalCode", &[C::Ship, C::Zip]),
            ("Código postal", &[C::Zip]),
            ("Nº de suivi", &[C::Tracking]),
            ("E-Mail-Adresse", &[C::Email]),
            ("Lieferort", &[C::City]),
            ("Adresse 2", &[C::Street, C::Two]),
        ] {
            let found = concepts(name);
            assert!(expected.iter().all(|concept| found.contains(concept)), "{name}: {found:?}");
        }
    }

    #[test]
    fn a_word_with_a_destroyed_or_wrong_letter_is_still_understood_with_less_trust() {
        let meaning = Meaning::of("Trakcing Numbr");
        assert_eq!(meaning.concepts.keys().copied().collect::<Vec<_>>(), [C::Number, C::Tracking]);
        assert!(meaning.trust < 1.0);
        assert!(
            Meaning::of("Stra\u{FFFD}e").has(C::Street)
                || Meaning::of("Direcci\u{FFFD}n").has(C::Street)
        );
    }

    #[test]
    fn what_says_nothing_is_unknown() {
        assert!(Meaning::of("Xyzzy").is_empty());
        assert_eq!(Meaning::of("Xyzzy").unknown, 1);
    }
}
